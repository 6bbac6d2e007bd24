"""A definition rebuilt with other lines: how mistakes of networks, update rules and samplers are made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

Changes = tuple[tuple[str, str], ...]  # a piece of the definition's source, and what is written instead


@cache
def source_of(definition: Callable[..., Any]) -> str:
    """The source of a definition."""
    return inspect.getsource(definition)


@cache
def changed(definition: Callable[..., Any], changes: Changes) -> Callable[..., Any]:
    """The function with pieces of its source replaced, each of which occurs once.

    Raises
    ------
    LookupError
        A piece does not occur once.
    """
    if not changes:
        return definition
    name, source = definition.__name__, source_of(definition)
    for piece, instead in changes:
        if source.count(piece) != 1:
            raise LookupError(f"{piece!r} occurs {source.count(piece)} times in {name}")
        source = source.replace(piece, instead)
    namespace: dict[str, Any] = dict(getattr(definition, "__globals__", {}))
    exec(compile("from __future__ import annotations\n" + source, f"<{name}, changed>", "exec"), namespace)
    made: Callable[..., Any] = namespace[name]
    return made
