"""What the recorder and the test share: a text, the command line in a process of its own, digests, and normalising.

Only names that users know are used here and beside: the command line, `charrnn.train`, `charrnn.load`, the HTTP
addresses and the files of a run folder. Whatever lies behind them may be renamed without a change here.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

import charrnn

Json = Any
TIMES = {"seconds", "cpu_seconds", "chars_per_second", "created"}  # keys whose values depend on the clock
SMALL = {
    "cell": "rnn", "num_layers": 1, "hidden_size": 16, "seq_len": 10, "batch_size": 4, "steps": 30,
    "learning_rate": 0.01, "log_every": 5, "eval_every": 10, "sample_every": 15,
}  # fmt: skip
WORDS = {
    "who": ("the clock", "an old cat", 'the "keeper"', "every wheel", "Mr Finch", "a small bell", "nobody"),
    "does": ("strikes", "waits for", "hears", "runs from", "counts", "forgets", "winds"),
    "what": ("one", "two", "the quarter; it is late", "a key (the brass one)", "the hour", "its shadow", "them all"),
    "end": (".", ".", "!", "?", ", and then again.", ":\n- tick,\n- tock."),
}


def book(sentences: int = 220) -> str:
    """The same text every time, about 7,000 characters in 220 sentences."""
    number, lines = 20, []
    for _ in range(sentences):
        parts = []
        for choices in WORDS.values():
            number = (number * 1103515245 + 12345) % (1 << 31)
            parts.append(choices[(number >> 16) % len(choices)])
        line = f"{parts[0]} {parts[1]} {parts[2]}{parts[3]}"
        lines.append(line[0].upper() + line[1:])
    return "\n".join(lines) + "\n"


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Settings as flags of the command line."""
    return [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def environment(folder: Path) -> dict[str, str]:
    """That of a process whose output does not depend on who starts it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHARRNN_")}
    return {**kept, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUTF8": "1", "XDG_CACHE_HOME": str(folder / "cache")}


def call(folder: Path, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`charrnn ARGUMENTS` in a process of its own, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "charrnn", *map(str, arguments)],
        cwd=folder, env=environment(folder), input=stdin, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


def printed(folder: Path, *arguments: object, stdin: str = "") -> Json:
    """What a command prints for people."""
    done = call(folder, *arguments, stdin=stdin)
    return {"status": done.returncode, "out": plain(done.stdout, folder), "err": plain(done.stderr, folder)}


def answered(folder: Path, *arguments: object, stdin: str = "") -> Json:
    """The JSON that a command prints; where it fails, what it says."""
    done = call(folder, *arguments, "--json", stdin=stdin)
    try:
        return {"status": done.returncode, "json": normal(json.loads(done.stdout), folder)}
    except ValueError:
        return {"status": done.returncode, "out": plain(done.stdout, folder), "err": plain(done.stderr, folder)}


def plain(text: str, folder: Path) -> str:
    """A text without paths, versions and times."""
    for found, name in (
        (str(folder.resolve()), "FOLDER"),
        (str(folder), "FOLDER"),
        (charrnn.__version__, "VERSION"),
        (np.__version__, "NUMPY"),
        (platform.python_version(), "PYTHON"),
    ):
        text = text.replace(found, name)
    text = re.sub(r"saved at step [\d,]+", "saved at step N", text)
    return re.sub(r"\bin \d+ s\b", "in N s", text)


def normal(value: Json, folder: Path) -> Json:
    """JSON without what depends on clock, place and versions."""
    if isinstance(value, dict):
        kept = {}
        for name, item in value.items():
            if name in TIMES:
                kept[name] = "a number" if isinstance(item, int | float) else type(item).__name__
            elif name == "versions":
                kept[name] = sorted(item)
            else:
                kept[name] = normal(item, folder)
        return kept
    if isinstance(value, list):
        return [normal(item, folder) for item in value]
    return plain(value, folder) if isinstance(value, str) else value


def keys_of(value: Json) -> Json:
    """The structure alone: keys and types, of a list the first item."""
    if isinstance(value, dict):
        return {name: keys_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [keys_of(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def digest(array: np.ndarray) -> str:
    """An array's type and shape, and the SHA-256 of its numbers."""
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return f"{array.dtype} {'x'.join(map(str, array.shape))} {content}"


def digests(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: digest(array) for name, array in sorted(arrays.items())}


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Json]]:
    """The arrays of a file, and its header; JSON in the header is read, too."""
    with safe_open(path, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return arrays, {name: json.loads(value) for name, value in (file.metadata() or {}).items()}


def file_facts(path: Path, folder: Path) -> Json:
    """A model file or a checkpoint."""
    arrays, header = read_safetensors(path)
    return {"arrays": digests(arrays), "header": normal(header, folder)}


def run_facts(path: Path, folder: Path) -> Json:
    """All that a run folder tells."""
    lines = (path / "metrics.jsonl").read_text("utf-8").splitlines()
    texts = {file.name: file.read_text("utf-8") for file in sorted((path / "samples").iterdir())}
    return {
        "model": file_facts(path / "model.safetensors", folder),
        "checkpoint": file_facts(path / "checkpoint.safetensors", folder),
        "config": normal(json.loads((path / "config.json").read_text("utf-8")), folder),
        "metrics": [normal(json.loads(line), folder) for line in lines],
        "samples": texts,
        "files": sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()),
    }
