"""The values in config.json and metrics.jsonl, whose types are checked as they are read."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from charrnn.runs.files import parse_json

Record = dict[str, Any]
LARGEST = 1 << 53  # beyond it, floats no longer count; no run gets there
NUMBERS = ("train_loss", "val_loss", "grad_norm", "learning_rate", "chars_per_second", "seconds")
# What a configuration may hold: each value's type, and that of the items in it.
CONFIG: dict[str, tuple[Any, Any]] = {
    "settings": (dict, (str, int, float, bool, type(None))), "sources": (list, str), "relative_sources": (list, str),
    "text": (str, None), "text_sha256": (str, None), "recipe": ((str, type(None)), None), "splits": (dict, int),
    "characters": (int, None), "parameters": (int, None), "versions": (dict, str), "charrnn": (str, None),
    "vocabulary": (str, None), "new_characters": (str, None), "parents": (list, dict),
    "takes_counts": (bool, None),
}  # fmt: skip


def read_record(line: str | bytes) -> Record:
    """A line of metrics.jsonl; ValueError if it is not one."""
    record = parse_json(line)
    if not isinstance(record, dict):
        raise ValueError("not a record")
    step = record.get("step")
    if not isinstance(step, int) or not _is_number(step):
        raise ValueError(f"step {reprlib.repr(step)} is not a number of steps")
    for name in ("epoch", *(name for name in NUMBERS if record.get(name) is not None)):
        if not _is_number(record.get(name)):
            raise ValueError(f"{name} {reprlib.repr(record.get(name))} is not a number or is out of range")
    return record


def check_config(values: Mapping[str, Any]) -> None:
    """ValueError names the first value of a configuration that has the wrong type."""
    for name, (kind, of_items) in CONFIG.items():
        value = values.get(name)
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if name in values and not (isinstance(value, kind) and all(isinstance(item, of_items) for item in items)):
            raise ValueError(f"its {name} cannot be {reprlib.repr(value)}")
    values.get("text", "").encode()  # a lone surrogate is a ValueError: the name goes into models


def _is_number(value: Any) -> bool:
    """Whether a value is a number, not negative if it is whole, that a float can stand for."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or 0 <= value < LARGEST
