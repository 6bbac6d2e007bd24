"""The two kinds of files that a run writes, JSON and arrays with a header: written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import reprlib
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
FORMAT = 2  # of models and checkpoints; files of format 1 have no SHA-256
FORMATS = (1, FORMAT)
DIGEST = "sha256"
MOST_NESTED = 32  # of JSON: deeper than any file of ours


class DamagedError(RunError):
    """A file is missing, or is not what was written."""


def write_atomic(path: Path, data: bytes, previous: Path | None = None) -> None:
    """Write the whole file, or keep the old one and raise a RunError; the old one becomes `previous`, if given."""
    try:
        with whole_file(path, previous) as file:
            file.write(data)
    except OSError as error:
        raise RunError(f"cannot write '{path}': {error.strerror}") from error


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    write_atomic(path, (json.dumps(values, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():
        raise RunError(f"cannot read '{path}': it is not a file")  # a pipe would never end
    try:
        values = parse_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"cannot read '{path}': {error.strerror}") from None
    except ValueError as error:
        raise DamagedError(f"'{path}' is damaged: {error}") from None
    if not isinstance(values, dict):
        raise DamagedError(f"'{path}' is damaged: it should hold a JSON object")
    return values


def parse_json(data: str | bytes) -> Any:
    """The value of a JSON document; ValueError if it is none, or is nested too deeply to be handled."""
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_NESTED):
        level = [item for part in level for item in (part.values() if isinstance(part, dict) else part)]
        level = [item for item in level if isinstance(item, dict | list)]
    if level:
        raise ValueError("it is nested too deeply")
    return value


def write_arrays(
    path: Path, arrays: Mapping[str, Array], header: Mapping[str, Any], previous: Path | None = None
) -> None:
    """Arrays by name and a JSON header in one safetensors file, with the SHA-256 of both in the header."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # others are saved wrongly
    digest = _digest(contiguous, json.dumps({**header, DIGEST: ""}, ensure_ascii=False))
    text = json.dumps({**header, DIGEST: digest}, ensure_ascii=False)
    write_atomic(path, safetensors_bytes(contiguous, {KEY: text}), previous)


def read_arrays(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write_arrays` wrote: the arrays, and the header.

    Raises
    ------
    RunError
        The file cannot be read; as a DamagedError, it is missing, or not what was written.
    """
    if not path.is_file():
        raise DamagedError(f"'{path}' is not a file")
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        header = parse_json(metadata[KEY])
    except OSError as error:
        kind = DamagedError if error.errno == errno.EIO else RunError
        raise kind(f"cannot read '{path}': {error.strerror or error}") from None
    except SafetensorError as error:
        raise DamagedError(f"'{path}' is not a whole safetensors file: {error}") from None
    except KeyError:
        raise DamagedError(f"'{path}' was not written by charrnn: its metadata lacks the key '{KEY}'") from None
    except (TypeError, AttributeError) as error:
        raise DamagedError(f"'{path}' holds numbers of a type that NumPy lacks: {error}") from None
    except ValueError as error:
        raise DamagedError(f"'{path}' is damaged: {error}") from None
    if not isinstance(header, dict):
        raise DamagedError(f"'{path}' is damaged: its header should be a JSON object")
    digest = header.pop(DIGEST, "" if header.get("format") == FORMAT else None)
    if digest is not None and digest != _digest(arrays, metadata[KEY].replace(f'"{digest}"', '""', 1)):
        raise DamagedError(
            f"'{path}' is damaged: its SHA-256 is not the one that was written with it; restore it from a copy"
        )
    return arrays, header


def _digest(arrays: Mapping[str, Array], header: str) -> str:
    """The SHA-256 of a header and of arrays with their names, types and shapes."""
    digest = hashlib.sha256(header.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\0{name}\0{array.dtype}\0{array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def header_value(name: str, value: Any, kind: str, complaint: str, **limits: Any) -> Any:
    """A value from a header, checked as a setting is (see `check_value`); ValueError with the complaint if it fails."""
    try:
        return check_value(name, value, kind, **limits)
    except ConfigError:
        raise ValueError(f"{name} {reprlib.repr(value)} {complaint}") from None
