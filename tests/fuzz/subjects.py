"""The files that are read, each with its mutations and with a use that would fail if it had been accepted wrongly."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import charrnn
from charrnn.config import ModelConfig
from charrnn.language_model import LanguageModel, load
from charrnn.ngrams import Experts
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.runs.files import write_arrays
from charrnn.runs.folder import RunFolder
from charrnn.runs.training_state import Progress, TrainingState, read_state, write_state
from charrnn.sweeps import METHODS, make_spec, read_spec
from charrnn.sweeps.callback import record_line
from charrnn.sweeps.folder import SweepFolder
from charrnn.sweeps.results import best_of, rank
from charrnn.text.mapped import large_corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.callback import Callback as TrainingCallback
from charrnn.training.resolve import resolve
from tests.fuzz.mutations import ARRAYS, DOCUMENTS, TOML, Mutation

TEXT = "The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 12
SMALL: dict[str, Any] = {"cell": "rnn", "hidden_size": 4, "num_layers": 1, "seq_len": 8, "batch_size": 2, "steps": 4}


class Subject(NamedTuple):
    name: str
    path: Path  # of the file that is changed
    data: bytes  # as it was written
    mutations: list[Mutation]
    read: Callable[[Path], object]
    weight: int  # how often it is chosen: what takes longer is chosen less often


class Enough(Exception):  # noqa: N818
    """Ends a training that a file has made longer: it was accepted."""


class Stopping(TrainingCallback):
    def on_progress(self, progress: Any) -> None:
        raise Enough


def subjects(folder: Path) -> list[Subject]:
    """Whole files, and how each is read."""
    return [*_arrays(folder), *_runs(folder), *_texts(folder), *_sweeps(folder)]


def _arrays(folder: Path) -> Iterator[Subject]:
    path = folder / "hostile.safetensors"
    for cell, names in [*((cell, ()) for cell in LAYERS), ("qrnn", ("characters", "words"))]:
        model = CharModel(ModelConfig(5, cell, 4, 2, num_experts=len(names)))
        params, counted = model.init_parameters(np.random.default_rng(0)), np.arange(60) * 7 % 13 % 5
        experts = Experts.count(names, "\nabcé", counted) if names else None
        provenance = {"text_sha256": "0" * 64, "splits": {"train": 9, "val": 2}, "step": 3}
        LanguageModel(model, params, Vocabulary("\nabcé"), provenance, experts).save(path)
        yield Subject(f"model of {cell}", path, path.read_bytes(), ARRAYS, read_finite_model, 20)
    arrays = {
        "params": np.ones(7, np.float32), "adam_m": np.zeros(7, np.float32), "state": np.zeros((1, 2), np.float32),
    }  # fmt: skip
    write_state(path, TrainingState(arrays, Progress(step=3), "0" * 64))
    yield Subject("checkpoint", path, path.read_bytes(), ARRAYS, lambda path: read_usable_state(path, arrays), 20)
    write_arrays(path, {"x": np.zeros(3)}, {"format": 1})
    yield Subject("a file of something else", path, path.read_bytes(), ARRAYS, read_finite_model, 10)


def read_finite_model(path: Path) -> None:
    """Read a model and use it: what was accepted has to work."""
    model = load(path)
    assert np.isfinite(model.params.vector).all()
    with np.errstate(all="ignore"):  # weights may be as large as numbers go
        assert len(model.generate(length=3, seed=0)) == 3
    int(model.provenance.get("step") or 0)
    sum(model.provenance.get("splits", {}).values())


def read_usable_state(path: Path, arrays: dict[str, np.ndarray]) -> None:
    progress = read_state(path, arrays).progress
    assert progress.step + 1 > progress.step >= 0
    assert math.isfinite(progress.seconds + progress.loss_sum + progress.grad_norm_sum + progress.count)
    assert progress.best_val_loss is None or math.isfinite(progress.best_val_loss)
    assert progress.evaluations_since_best >= 0


def _runs(folder: Path) -> Iterator[Subject]:
    """A run's records and configuration."""
    (folder / "clock.txt").write_text(TEXT)
    whole, copy = folder / "whole", RunFolder(folder / "run")
    charrnn.train(folder / "clock.txt", out=whole, callback=TrainingCallback(), log_every=1, eval_every=2, **SMALL)
    shutil.copytree(whole, copy.path)
    yield Subject("metrics.jsonl", copy.metrics, copy.metrics.read_bytes(), DOCUMENTS, lambda _: use_metrics(copy), 20)

    def resume(path: Path) -> None:
        config = path.read_bytes()
        shutil.rmtree(copy.path)
        shutil.copytree(whole, copy.path)
        path.write_bytes(config)
        copy.read_config()
        with suppress(Enough):
            charrnn.train(resume=copy.path, callback=Stopping())

    yield Subject("config.json", copy.config, copy.config.read_bytes(), DOCUMENTS, resume, 1)


def use_metrics(folder: RunFolder) -> None:
    for record in [*folder.read_metrics(), folder.latest()]:
        for name in ("step", "epoch", "train_loss", "val_loss", "seconds", "learning_rate", "grad_norm"):
            value = record.get(name)
            assert value is None or float(value) == value or math.isnan(value), name
    json.dumps(folder.read_metrics())


def _texts(folder: Path) -> Iterator[Subject]:
    """The facts of a large text in the cache; CHARRNN_CACHE is `folder`. Those that were changed are not used."""
    large = [str(folder / "clock.txt")]
    large_corpus(large, "utf-8")
    (facts,) = (folder / "ids").glob("*.json")

    def read(_: Path) -> None:
        corpus = large_corpus(large, "utf-8")
        assert corpus.vocabulary.decode(np.asarray(corpus.ids)) == TEXT, "another text"

    yield Subject("facts of the cache", facts, facts.read_bytes(), DOCUMENTS, read, 4)


RECIPE = """hidden_size = 8
cell = "rnn"
learning_rate = 0.01
steps = 5
optimizer = "adam"
beta2 = 0.9
[[sizes]]
from_characters = 0
dropout = 0.1
num_layers = 2
[[sizes]]
from_characters = 5000
hidden_size = 16
"""
SWEEP = """text = "clock.txt"
method = "random"
trials = 3
seeds = [0, 1]
seed = 4
[settings]
steps = 4
cell = "rnn"
[search]
hidden_size = [4, 8, 16]
learning_rate = {low = 0.001, high = 0.1, log = true}
dropout = {low = 0.1, high = 0.5, step = 0.1}
seq_len = {low = 4, high = 16}
"""


def _sweeps(folder: Path) -> Iterator[Subject]:
    """Recipes, specifications, and everything in a sweep's folder."""
    recipe = folder / "recipe.toml"
    recipe_settings = {name: value for name, value in SMALL.items() if name == "batch_size"}
    yield Subject("recipe", recipe, RECIPE.encode(), TOML, lambda path: resolve(recipe_settings, str(path), 9000), 10)
    yield Subject("sweep", folder / "sweep.toml", SWEEP.encode(), TOML, use_spec, 5)
    (folder / "sweep.toml").write_text(SWEEP)
    spec = read_spec(folder / "sweep.toml")
    path, text = folder / "swept", {"text_name": "clock.txt", "text_sha256": "0" * 64}
    with SweepFolder.hold(path, spec, text) as sweep:
        session = sweep.begin_session()
        method = METHODS["random"](spec.search, 3, 4, path)
        for number in range(2):
            settings = method.settings(number)
            sweep.keep({"number": 2 * number, "setting": number, "seed": 0, "settings": settings, "state": "finished",
                        "val_nats_per_char": 1.5, "step": 3, "epoch": 0.5, "seconds": 2.0, "best_step": 2,
                        "splits": {"train": 9, "val": 3, "test": 0}, "parameters": 30, "ended": "budget"})  # fmt: skip
        method.tell(0, pruned=False, loss=1.5)
    whole = {each: each.read_bytes() for each in path.rglob("*") if each.is_file()}

    def use(changed: Path) -> None:
        now = changed.read_bytes()
        for each, data in whole.items():
            each.write_bytes(data if each != changed else now)
        with SweepFolder.hold(path, spec, text) as sweep:
            assert not sweep.is_session(session) or changed.name != "session" or now == whole[changed]
            records = sweep.known(spec)
            begun = sweep.begun_settings(spec, records)
            for record in records.values():
                record_line(record)
            rank(list(records.values()))
            best_of(list(records.values()))
            if changed.name == "study.journal":
                again = METHODS["random"](spec.search, 3, 4, path, begun)
                assert all(again.settings(number) is not None for number in range(3))

    weights = {"sweep.json": 4, "session": 1, "000.json": 10, "study.journal": 1}
    for each, data in whole.items():
        if each.name in weights:
            mutations = DOCUMENTS if each.name != "session" else DOCUMENTS[:4]
            yield Subject(f"a sweep's {each.name}", each, data, mutations, use, weights[each.name])


def use_spec(path: Path) -> None:
    """Draw settings from a specification: grids are counted, others drawn from."""
    spec = read_spec(path)
    json.dumps(spec.as_json())
    make_spec({"search": {"hidden_size": [4]}, "text": list(spec.text)})
    METHODS[spec.method](spec.search, spec.trials and min(spec.trials, 3), spec.seed, None).settings(0)
