"""The two kinds of files that a run writes, JSON and arrays with a header: written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from charrnn.arrays import Array
from charrnn.errors import ConfigError, RunError
from charrnn.settings import check_value
from charrnn.whole_file import whole_file

# Everything but the arrays is JSON under one metadata key: the safetensors library writes several keys in random order,
# so that equal runs would no longer give equal files.
KEY = "charrnn"


def write_atomic(path: Path, data: bytes) -> None:
    """Write the whole file, or keep the old one and raise a RunError."""
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise RunError(f"cannot write '{path}': {error.strerror}") from error


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    write_atomic(path, (json.dumps(values, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise RunError(f"cannot read '{path}': {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"'{path}' is damaged: {error}") from None
    if not isinstance(values, dict):
        raise RunError(f"'{path}' is damaged: it should hold a JSON object")
    return values


def write_arrays(path: Path, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> None:
    """Arrays by name and a JSON header in one safetensors file."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # others are saved wrongly
    write_atomic(path, safetensors_bytes(contiguous, {KEY: json.dumps(header, ensure_ascii=False)}))


def read_arrays(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write_arrays` wrote: the arrays, and the header."""
    if not path.is_file():
        raise RunError(f"'{path}' is not a file")
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        header = json.loads(metadata[KEY])
    except OSError as error:
        raise RunError(f"cannot read '{path}': {error.strerror or error}") from None
    except SafetensorError as error:
        raise RunError(f"'{path}' is not a whole safetensors file: {error}") from None
    except KeyError:
        raise RunError(f"'{path}' was not written by charrnn: its metadata lacks the key '{KEY}'") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise RunError(f"'{path}' is damaged: {error}") from None
    if not isinstance(header, dict):
        raise RunError(f"'{path}' is damaged: its header should be a JSON object")
    return arrays, header


def header_value(name: str, value: Any, kind: str, complaint: str, **limits: Any) -> Any:
    """A value from a header, checked as a setting is (see `check_value`); ValueError with the complaint if it fails."""
    try:
        return check_value(name, value, kind, **limits)
    except ConfigError:
        raise ValueError(f"{name} {value!r} {complaint}") from None
