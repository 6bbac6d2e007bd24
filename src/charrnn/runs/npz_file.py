"""`model.npz`: a model as plain arrays, for programs that have NumPy and nothing else. `charrnn.load` reads it, too.

The arrays have the names and shapes of `model.safetensors`. A matrix W may be stored as whole numbers Q of one byte and
a scale s for each row, in the array `NAME.scale`:

    W_ij = s_i Q_ij

The header is JSON, in the bytes of the array `charrnn`. Every member has the CRC-32 of the zip format.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import RunError
from charrnn.runs.files import KEY, DamagedError, parse_json, write_atomic

SCALE = ".scale"  # ends the name of the scales of a quantised matrix
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    rb"\{'descr': '(<f4|<f8|\|i1|\|u1|<i8)', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,10}, ?)*(?:\d{1,10})?)\), \} *\n"
)


def write_npz(path: Path, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> None:
    """Arrays by name and a JSON header, in one file that NumPy reads."""
    text = np.frombuffer(json.dumps(header, ensure_ascii=False).encode(), np.uint8)
    write_plain(path, {KEY: text, **{name: np.ascontiguousarray(array) for name, array in arrays.items()}})


def write_plain(path: Path, arrays: Mapping[str, Array]) -> None:
    """Arrays by name in one file that NumPy reads; RunError if it cannot be written."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # NumPy's stubs take the names for its own
    write_atomic(path, file.getvalue())


def read_npz(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write_npz` wrote: the arrays, quantised ones as float32, and the header.

    Raises
    ------
    RunError
        The file cannot be read; as a DamagedError, it is not what was written.
    """
    if not path.is_file():
        raise DamagedError(f"'{path}' is not a file")
    try:
        with zipfile.ZipFile(path) as file:
            stored = {info.filename: file.read(info) for info in _members(file)}
        arrays = {name.removesuffix(".npy"): _array(data) for name, data in stored.items()}
        if KEY not in arrays:
            raise DamagedError(f"'{path}' was not written by charrnn: it lacks the array '{KEY}'")
        header = parse_json(arrays.pop(KEY).tobytes())
        arrays = dequantised(arrays)
    except OSError as error:
        raise RunError(f"cannot read '{path}': {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as error:
        raise DamagedError(f"'{path}' is damaged: {' '.join(str(error).split())}") from None
    if not isinstance(header, dict):
        raise DamagedError(f"'{path}' is damaged: its header should be a JSON object")
    return arrays, header


def dequantised(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays in which every quantised matrix is float32; ValueError if scales do not fit."""
    found = {name: array for name, array in arrays.items() if not name.endswith(SCALE)}
    for name, scale in arrays.items():
        if not name.endswith(SCALE):
            continue
        matrix = found.get(name.removesuffix(SCALE))
        if matrix is None or matrix.dtype != np.int8 or matrix.ndim != 2 or scale.shape != matrix.shape[:1]:
            raise ValueError(f"array '{name}' belongs to no quantised matrix")
        found[name.removesuffix(SCALE)] = matrix.astype(np.float32) * scale.astype(np.float32)[:, None]
    return found


def _members(file: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members; ValueError if one is compressed, since a small file could then fill the memory."""
    members = file.infolist()
    if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > info.compress_size for info in members):
        raise ValueError("its arrays are compressed, which those of a model never are")
    return members


def _array(data: bytes) -> Array:
    """An array from the bytes of an .npy file, of the few kinds that a model holds."""
    size = int.from_bytes(data[8:10], "little")
    header = HEADER.fullmatch(data[10 : 10 + size])
    if not data.startswith(MAGIC) or header is None:
        raise ValueError("it holds an array of a kind that no model has")
    dtype, shape = np.dtype(header[1].decode()), tuple(int(n) for n in re.findall(rb"\d+", header[2]))
    if len(data) - 10 - size != prod(shape) * dtype.itemsize:
        raise ValueError("an array is shorter or longer than its shape")
    return np.frombuffer(data, dtype, offset=10 + size).reshape(shape)
