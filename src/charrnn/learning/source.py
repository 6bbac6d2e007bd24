"""The source of a function that lives in a notebook or a module, with what it needs beside it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from charrnn.errors import ConfigError
from charrnn.learning.isolation import Program
from charrnn.learning.tasks import FORWARD_FOR


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


def _source(value: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        raise ConfigError(
            f"the source of '{value.__name__}' is not available: define it in a notebook cell or in a file"
        ) from None
