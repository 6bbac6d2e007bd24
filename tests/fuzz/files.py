"""Files that lie: model and checkpoint files mutated in every way we know of. Only our own errors may come out.

    ./run fuzz                                         # 100,000 files
    .venv/bin/python -m tests.fuzz.files --files 1000000 --seed 7

A reader may refuse a file (`RunError`) or, where the change leaves a valid file, accept it with finite numbers; it may
not raise anything else, take long, or allocate much more than the file is long.
"""

from __future__ import annotations

import argparse
import json
import math
import pickle
import random
import struct
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from charrnn.config import ModelConfig
from charrnn.errors import RunError
from charrnn.language_model import LanguageModel, load
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.runs.files import write_arrays
from charrnn.runs.training_state import Progress, TrainingState, read_state, write_state
from charrnn.text.vocabulary import Vocabulary

SLOW_S, LARGE_BYTES = 2.0, 64 << 20
LIES = [-1, 0, 1, 2**31, 2**63, 10**30, 1.5, float("1e308"), None, True, "", "x", "é\x00", [], {}, [[[]]], {"a": {}}]
Mutation = Callable[[bytes, random.Random], bytes]


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    where = len(changed) if chance.random() < 0.5 else min(len(changed), 600)  # half of them in the header
    for _ in range(chance.choice((1, 1, 3, 30))):
        changed[chance.randrange(where)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def spliced(data: bytes, chance: random.Random) -> bytes:
    a, b = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:a] + data[b:] if chance.random() < 0.5 else data[:b] + data[a:]


def another_length(data: bytes, chance: random.Random) -> bytes:
    """The first eight bytes say how long the header is."""
    length = chance.choice((0, 1, 2**16, 2**31, 2**32, 2**63, 2**64 - 1, chance.randrange(2 * len(data))))
    return struct.pack("<Q", length) + data[8:]


def noise(data: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(200))


def in_disguise(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((pickle.dumps({"weights": [1.0]}), b"PK\x03\x04" + data, b"\x93NUMPY" + data, b"{}", b""))


def nested(data: bytes, chance: random.Random) -> bytes:
    depth = chance.choice((50, 1000, 100_000))
    return _with_header(data, b'{"__metadata__":{"charrnn":"' + b"[" * depth + b'"}}')


def another_value(data: bytes, chance: random.Random) -> bytes:
    """Somewhere in the header, or in the header within the header, another value, key, or a key twice."""
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    inner = json.loads(header["__metadata__"]["charrnn"])
    where = chance.choice((header, inner, inner))
    place, key = _somewhere(where, chance)
    what = chance.random()
    if what < 0.6:
        place[key] = chance.choice(LIES)
    elif what < 0.8 and isinstance(place, dict):
        del place[key]
    elif isinstance(place, dict):
        place[chance.choice(("", "x", "__proto__", str(key) + "_"))] = place[key]
    if where is inner:
        header["__metadata__"] = {"charrnn": json.dumps(inner)}
    text = json.dumps(header).encode()
    if chance.random() < 0.1:
        text = text.replace(b'"dtype"', b'"dtype":"F16","dtype"', 1)
    if chance.random() < 0.1:
        text = text.replace(b"a", b"\xff", 1)  # no longer UTF-8
    return _with_header(data, text)


def other_numbers(data: bytes, chance: random.Random) -> bytes:
    """A weight that is not a number, or too large."""
    start = 8 + struct.unpack("<Q", data[:8])[0]
    at = start + 4 * chance.randrange((len(data) - start) // 4)
    return data[:at] + struct.pack("<f", chance.choice((float("nan"), float("inf"), 3e38))) + data[at + 4 :]


MUTATIONS: list[Mutation] = [
    truncated, flipped, flipped, spliced, another_length, noise, in_disguise, nested, another_value, another_value,
    another_value, other_numbers,
]  # fmt: skip


def _with_header(data: bytes, header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + data[8 + struct.unpack("<Q", data[:8])[0] :]


def _somewhere(tree: object, chance: random.Random) -> tuple[dict | list, object]:
    """A random place in a tree of objects and arrays: a container and a key of it."""
    place = tree
    while True:
        assert isinstance(place, dict | list)
        key = chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        inner = place[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.3:
            return place, key
        place = inner


def originals(folder: Path) -> dict[str, tuple[bytes, Callable[[Path], object]]]:
    """Whole files, and how each is read."""
    found: dict[str, tuple[bytes, Callable[[Path], object]]] = {}
    for cell in LAYERS:
        model = CharModel(ModelConfig(5, cell, 4, 2))
        params = model.init_parameters(np.random.default_rng(0))
        LanguageModel(
            model, params, Vocabulary("\nabcé"), {"text_sha256": "0" * 64, "splits": {"train": 9, "val": 2}, "step": 3}
        ).save(folder / "model")
        found[f"model of {cell}"] = ((folder / "model").read_bytes(), read_finite_model)
    arrays = {
        "params": np.ones(7, np.float32),
        "adam_m": np.zeros(7, np.float32),
        "state": np.zeros((1, 2), np.float32),
    }
    write_state(folder / "state", TrainingState(arrays, Progress(step=3), "0" * 64))
    found["checkpoint"] = ((folder / "state").read_bytes(), lambda path: read_usable_state(path, arrays))
    write_arrays(folder / "other", {"x": np.zeros(3)}, {"format": 1})
    found["a file of something else"] = ((folder / "other").read_bytes(), read_finite_model)
    return found


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


def fuzz(files: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """How many files were refused and accepted, and what should not have happened."""
    chance, outcomes, surprises = random.Random(seed), Counter[str](), []
    kinds = originals(folder)
    tracemalloc.start()
    for number in range(files):
        name, (data, read) = chance.choice(list(kinds.items()))
        mutation = chance.choice(MUTATIONS)
        path = folder / "hostile.safetensors"
        path.write_bytes(mutation(data, chance))
        tracemalloc.reset_peak()
        begun, before = time.monotonic(), tracemalloc.get_traced_memory()[0]
        try:
            read(path)
            outcomes["accepted"] += 1
        except RunError as error:
            outcomes["refused"] += 1
            if "\n" in str(error):
                surprises.append(f"file {number}, {name}, {mutation.__name__}: more than one line: {error}")
        except Exception as error:
            surprises.append(f"file {number}, {name}, {mutation.__name__}: {type(error).__name__}: {error}")
        if time.monotonic() - begun > SLOW_S:
            surprises.append(f"file {number}, {name}, {mutation.__name__}: {time.monotonic() - begun:.1f} s")
        if tracemalloc.get_traced_memory()[1] - before > LARGE_BYTES:
            surprises.append(f"file {number}, {name}, {mutation.__name__}: a large allocation")
    tracemalloc.stop()
    return outcomes, surprises


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcomes, surprises = fuzz(options.files, options.seed, Path(folder))
    print(
        f"{options.files:,} files in {time.monotonic() - begun:.0f} s: {outcomes['refused']:,} refused, "
        f"{outcomes['accepted']:,} accepted with finite numbers, {len(surprises)} surprises"
    )
    for surprise in surprises[:50]:
        print(surprise)
    sys.exit(1 if surprises else 0)


if __name__ == "__main__":
    main()
