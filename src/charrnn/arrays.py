"""The array type of annotations. Shapes and units stand where arrays are made; precision is chosen at run time."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
