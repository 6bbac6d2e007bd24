"""A short text, and a small sweep over it."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

TEXT = "The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 12
TIMES = ("seconds",)
SETTINGS = {"cell": "rnn", "num_layers": 1, "seq_len": 8, "batch_size": 2, "steps": 10, "eval_every": 5}


@pytest.fixture(autouse=True)
def _no_learning_curves(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The runs' own figures cost more time than the runs; tests/training has looked at them. Commands go without."""
    stub = tmp_path_factory.mktemp("stub")
    (stub / "matplotlib.py").write_text("raise ImportError('not in these tests')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(stub), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setattr("charrnn.training.announce.draw_learning_curves", lambda *_: b"")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "clock.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def small(text: Path) -> dict[str, Any]:
    """Four settings, each with two seeds, of ten steps."""
    return {
        "text": str(text),
        "seeds": [0, 1],
        "settings": dict(SETTINGS),
        "search": {"hidden_size": [4, 8], "learning_rate": [0.003, 0.03]},
    }


def rows(folder: Path) -> list[dict[str, str]]:
    """The table of a sweep, without what depends on the clock."""
    with (folder / "results.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def as_toml(values: Mapping[str, Any]) -> str:
    """A specification as TOML; enough of it for these tests."""
    plain = {k: v for k, v in values.items() if not isinstance(v, dict)}
    tables = {k: v for k, v in values.items() if isinstance(v, dict)}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, list) else repr(value)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "charrnn", *map(str, arguments)]
