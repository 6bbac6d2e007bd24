"""The source of a function that lives in a notebook or a module, with what it needs beside it."""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from charrnn.errors import ConfigError
from charrnn.learning.isolation import Program
from charrnn.learning.tasks import FORWARD_FOR

MAGIC = re.compile(r"^([ \t]*)[%!?].*$", re.MULTILINE)  # a line of IPython's own


def program_of(function: Callable[..., Any]) -> tuple[Program, str]:
    """A program with the function, those that it calls, its forward pass, and the constants and modules they read.

    Raises
    ------
    ConfigError
        It is not a Python function, or its source is not available.
    """
    if not isinstance(function, FunctionType):
        raise ConfigError(f"check takes a Python function, not {type(function).__name__}")
    names = vars(inspect.getmodule(function) or ModuleType("")) | function.__globals__
    partners = {function.__name__.replace(old, new) for old, new in FORWARD_FOR if old in function.__name__}
    waiting: list[Any] = [function]
    parts: list[str] = []
    seen = {function.__name__}
    for name in partners - seen:
        if isinstance(names.get(name), FunctionType):
            waiting.append(names[name])
            seen.add(name)
    while waiting:
        source = _source(waiting.pop())
        parts.append(source)
        for name in sorted({n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)} - seen):
            seen.add(name)
            value = names.get(name)
            if isinstance(value, ModuleType):
                parts.insert(0, f"import {value.__name__} as {name}")
            elif isinstance(value, (FunctionType, type)) and value.__module__ == function.__module__:
                waiting.append(value)
            elif isinstance(value, (FunctionType, type)) and value.__module__ != "builtins":
                parts.insert(0, f"from {value.__module__} import {value.__name__} as {name}")
            elif isinstance(value, (bool, int, float, str)):
                parts.insert(0, f"{name} = {value!r}")
    return Program("\n\n".join(parts) + "\n", f"{function.__name__}", ""), function.__name__


def read_program(path: Path) -> str:
    """The source of a Python file, or of the code cells of a notebook; what only a notebook understands is left out.

    Raises
    ------
    ConfigError
        It cannot be read, or is no notebook.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"cannot read '{path}': {why}") from None
    if path.suffix == ".ipynb":
        try:
            cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
            text = "\n\n".join("".join(cell) for cell in cells)
        except (ValueError, LookupError, TypeError, RecursionError):
            raise ConfigError(f"'{path}' is not a notebook: it has no list of cells") from None
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        ast.parse(text)
        return text
    return MAGIC.sub(r"\1pass", text)


def _source(value: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        raise ConfigError(
            f"the source of '{value.__name__}' is not available: define it in a notebook cell or in a file"
        ) from None
