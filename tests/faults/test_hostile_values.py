"""What a recipe, a sweep, a flag or a caller can say is refused in one line, in time and memory bounded by its size."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charrnn.config import make_config
from charrnn.errors import CharRNNError, ConfigError, RunError
from charrnn.recipes import read_recipe
from charrnn.sweeps import METHODS, make_spec, read_spec, sweep
from charrnn.sweeps.callback import SweepCallback
from charrnn.sweeps.folder import SweepFolder, read_record
from charrnn.toml_file import MOST_BYTES
from charrnn.training.memory import machine_memory
from charrnn.training.trainer import new_trainer

SECONDS = 5.0  # of the processor, whatever else it does: far beyond what any of these takes


@contextmanager
def refused(error: type[CharRNNError] = ConfigError, message: str | None = None) -> Iterator[None]:
    """The block raises our own error: on one line, short, printable, soon, and without taking much memory."""
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(error, match=message) as found:
        yield
    assert time.process_time() - begun < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 2000


class Evil:
    def __repr__(self) -> str:
        return "a\nb\x1b[2J"


DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]
HUGE = 10**5000
VALUES: list[Any] = [
    HUGE, -HUGE, float("nan"), float("inf"), "x" * 10**6, "a\nb", "\x1b[2J", "\ud800", "a\0b", "", [], {}, [HUGE],
    {"a": HUGE}, DEEP, b"\xff", 1.5, -1, 10**30, True, None, Evil(), np.float64(3), np.array([1, 2]), {1, 2}, object,
]  # fmt: skip
NAMES = ["hidden_size", "learning_rate", "cell", "encoding", "dtype", "patience", "seed", "chunk_len", "beta2"]


@pytest.mark.parametrize("name", NAMES)
def test_any_value_of_a_setting_is_taken_or_refused(name: str) -> None:
    for value in VALUES:
        with suppress(ConfigError):
            make_config({name: value})
            continue
        with refused():
            make_config({name: value})


@pytest.mark.parametrize(
    "name", [3, None, (), "x" * 10**6, "a\nb", "\ud800", b"seed", HUGE], ids=lambda name: type(name).__name__
)
def test_any_name_of_a_setting_is_refused(name: Any) -> None:
    with refused(message="no setting is called"):
        make_config({name: 3})
    with refused(message="there is no key"):
        make_spec({name: 3})
    with refused(message="search: no setting is called"):
        make_spec({"search": {name: [3]}})


@pytest.mark.parametrize("values", [3, None, [], "x", DEEP])
def test_settings_that_are_no_table_are_refused(values: Any) -> None:
    with refused(message="must be a table"):
        make_config(values)
    with refused():
        make_spec({"search": values})


def test_seeds_may_be_as_long_as_numpys() -> None:
    assert make_config({"seed": (1 << 128) - 1}).seed == (1 << 128) - 1
    with refused(message=r"seed <39 digits> is too large: it may be at most 3.40282e\+38"):
        make_config({"seed": 1 << 129})


FILES: dict[str, str | bytes] = {
    "a number of 5,000 digits": "hidden_size = " + "9" * 5000,
    "a number of 5,000 digits in a list": "seeds = [" + "9" * 5000 + "]",
    "deep nesting": "a = " + "[" * 100_000,
    "deep nesting that ends": "a = " + "[" * 50_000 + "]" * 50_000,
    "deep tables": "a = " + "{a=" * 20_000,
    "a key of many parts": ".".join("a" * 100_000) + " = 1",
    "a key of many quoted parts": " . ".join(['"a"'] * 50_000) + " = 1",
    "a table of many parts": "[" + ".".join("a" * 50_000) + "]\n" + "\n".join(f"b{n}=1" for n in range(50_000)),
    "not UTF-8": b"\xff\xfe",
    "a zero byte": b"hidden_size = 3\0",
    "a date": "hidden_size = 1979-05-27",
    "no date": "hidden_size = 9999-99-99",
    "too long": "a = 1\n" + "#" * MOST_BYTES,
    "a huge string": f'cell = "{"x" * 900_000}"',
    "a line end in a name": '"a\\nb" = 1',
    "a lone surrogate": 'cell = "\\uD800"',
    "a string that ends a name": 'encoding = "\\u001b[2J"',
    "infinity": "learning_rate = inf",
    "an overflow": "learning_rate = 1e999",
    "not a number": "learning_rate = nan",
    "a list for a number": "hidden_size = [3]",
    "a table for a number": "hidden_size = {a = 3}",
    "a number with a point": "hidden_size = 8.0",
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_recipes_and_sweeps_are_refused(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with refused():
        make_config(read_recipe(str(path)).settings)
    with refused():
        read_spec(path)


def test_what_is_no_file_is_no_recipe_and_no_sweep(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    for name in (
        "fifo.toml",
        "folder.toml",
        "device.toml",
        "loop.toml",
        "x" * 500 + ".toml",
        "\udce9.toml",
    ):
        with refused(message="cannot read the recipe"):
            read_recipe(str(tmp_path / name))
        with refused(message="cannot read the sweep"):
            read_spec(tmp_path / name)
    for wanted in (3, None, b"x", ["x"], "a\0.toml"):
        with refused():
            sweep(wanted)  # type: ignore[arg-type]


BASE: dict[str, Any] = {"method": "random", "trials": 3, "search": {"hidden_size": [4, 8]}}
SPECS: dict[str, dict[str, Any]] = {
    "a grid of a tiny step": {"method": "grid", "trials": None,
                              "search": {"learning_rate": {"low": 0.0001, "high": 1.0, "step": 1e-9}}},
    "a grid of an endless step": {"method": "grid", "trials": None,
                                  "search": {"grad_clip": {"low": 0.0, "high": 1e308, "step": 1e-308}}},
    "a grid of whole numbers": {"method": "grid", "trials": None,
                                "search": {"steps": {"low": 1, "high": 10**30, "step": 1}}},
    "grids that multiply": {"method": "grid", "trials": None,
                            "search": {n: {"low": 1, "high": 10**6, "step": 1} for n in ("steps", "log_every")}},
    "many values": {"search": {"steps": range(1, 10**6)}},
    "a list of many values": {"search": {"steps": list(range(1, 10**6))}},
    "many seeds": {"seeds": list(range(10**6))},
    "an endless range of seeds": {"seeds": range(1 << 60)},
    "many trials": {"trials": 10**9},
    "trials of 5,000 digits": {"trials": HUGE},
    "a step of 5,000 digits": {"search": {"hidden_size": {"low": 1, "high": 9, "step": HUGE}}},
    "a low of 5,000 digits": {"search": {"hidden_size": {"low": HUGE, "high": 9}}},
    "an infinite high": {"search": {"learning_rate": {"low": 1e-3, "high": float("inf")}}},
    "a high that is no number": {"search": {"learning_rate": {"low": 1e-3, "high": float("nan")}}},
    "a range within a range": {"search": {"learning_rate": {"low": {"low": 1}, "high": [1]}}},
    "a name that is no text": {"search": {3: [1]}},
    "a key of a range that is no text": {"search": {"hidden_size": {"low": 1, "high": 3, 3: 3}}},
    "a recipe that is a list": {"settings": {"recipe": [[[]]]}},
    "a recipe within itself": {"settings": {"recipe": DEEP}},
    "a recipe that is a number": {"search": {"recipe": [3, HUGE]}},
    "a text with a zero byte": {"text": "a\0b"},
    "a text that is a table": {"text": {"a": 1}},
    "a text in a list in a list": {"text": [["a"]]},
    "a method that is a list": {"method": ["tpe"]},
    "slurm that is a list": {"slurm": [1]},
    "pruning that is a number": {"method": "tpe", "pruning": 1},
    "a value twice": {"search": {"dropout": [0, 0.0]}},
}  # fmt: skip


@pytest.mark.parametrize("change", SPECS.values(), ids=SPECS)
def test_a_specification_is_refused(change: dict[str, Any]) -> None:
    with refused():
        make_spec({**BASE, **change})


def test_a_range_in_small_steps_is_drawn_from_and_not_built() -> None:
    search = {
        "learning_rate": {"low": 0.0001, "high": 0.9, "step": 1e-6},
        "steps": {"low": 1, "high": 10**15, "step": 1},
    }
    spec = make_spec({**BASE, "search": search})
    begun = time.process_time()
    method = METHODS["random"](spec.search, 3, 0, None)
    drawn = [method.settings(number) for number in range(3)]
    assert time.process_time() - begun < SECONDS
    assert all(each is not None and 0.0001 <= each["learning_rate"] <= 1 for each in drawn)


def test_a_name_too_long_for_a_file_is_taken_for_a_text() -> None:
    spec = make_spec({**BASE, "text": "x" * 5000})
    with pytest.raises(CharRNNError, match="looks like the text itself"):
        sweep({**BASE, "text": list(spec.text)}, jobs=1, callback=SweepCallback())


def test_jobs_are_processes_and_not_a_million(tmp_path: Path) -> None:
    with refused(message="jobs 1000000 is too large: it may be at most 1000"):
        sweep(BASE, out=tmp_path / "out", jobs=10**6)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(machine_memory() > 1 << 43, reason="this machine's memory is not known, or is enormous")
@pytest.mark.parametrize(
    "settings",
    [{"hidden_size": 1 << 20}, {"num_layers": 1000, "hidden_size": 100_000},
     {"batching": "random", "batch_size": 10**12}, {"batching": "random", "batch_size": 10**36}],
)  # fmt: skip
@pytest.mark.parametrize("cell", ["rnn", "lstm", "qrnn"])
def test_what_no_memory_can_hold_is_refused_before_it_is_allocated(cell: str, settings: dict[str, Any]) -> None:
    config = make_config({"cell": cell, **settings})
    with refused(
        message=r"the network needs at least .* GiB of memory, and the machine has .* GiB: .*: lower one of these"
    ):
        new_trainer(config, "".join(map(chr, range(30))), np.zeros(10_000, np.uint8))


RECORD = {
    "number": 0, "setting": 0, "seed": 0, "settings": {"hidden_size": 4}, "state": "finished", "val_nats_per_char": 1.5,
    "step": 3,
}  # fmt: skip


@pytest.mark.parametrize("name", RECORD)
def test_a_record_that_lies_is_refused_with_its_remedy(tmp_path: Path, name: str) -> None:
    spec = make_spec(BASE)
    path = tmp_path / "000.json"
    path.write_text(json.dumps(RECORD))
    assert read_record(path, spec) == RECORD
    for value in ([], {}, "x", -1, 1.5, 10**30, float("nan"), None, True, "a\nb", {"hidden_size": [4]}):
        if (name, value) in (("val_nats_per_char", -1), ("val_nats_per_char", 1.5), ("val_nats_per_char", 10**30),
                             ("step", -1), ("step", 10**30)):  # fmt: skip
            continue
        path.write_text(json.dumps({**RECORD, name: value}))
        with refused(RunError, "remove it, and the run is done again"):
            read_record(path, spec)
    path.write_text(json.dumps({key: value for key, value in RECORD.items() if key != name}))
    with refused(RunError, "remove it, and the run is done again"):
        read_record(path, spec)


DAMAGED: dict[str, Callable[[SweepFolder], object]] = {
    "a record that is a folder": lambda folder: (folder.records / "000.json").mkdir(),
    "a record that is a pipe": lambda folder: os.mkfifo(folder.records / "000.json"),
    "a record of another run": lambda folder: (folder.records / "001.json").write_text("{}"),
    "a record of deep nesting": lambda folder: (folder.records / "000.json").write_text("[" * 100_000),
    "a record of many digits": lambda folder: (folder.records / "000.json").write_text("[" + "9" * 5000),
    "records that are a file": lambda folder: (folder.records.rmdir(), folder.records.write_text("x")),
    "runs that are a file": lambda folder: (folder.runs.rmdir(), folder.runs.write_text("x")),
    "a session that is a folder": lambda folder: folder.session.mkdir(),
    "recipes that are a list": lambda folder: folder.spec.write_text('{"recipes": [1], "text": []}'),
    "a run with a strange name": lambda folder: (folder.runs / "²").mkdir(),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_folder_that_lies_is_refused_or_used(tmp_path: Path, damage: Callable[[SweepFolder], object]) -> None:
    spec = make_spec(BASE)
    text = {"text_name": "x", "text_sha256": "0" * 64}
    with SweepFolder.hold(tmp_path / "out", spec, text) as folder:
        pass
    damage(folder)
    begun = time.process_time()
    try:
        with SweepFolder.hold(tmp_path / "out", spec, text) as folder:
            folder.begun_settings(spec, folder.known(spec))
            folder.begin_session()
    except CharRNNError as error:
        assert str(error).isprintable()  # noqa: PT017
    assert time.process_time() - begun < SECONDS
