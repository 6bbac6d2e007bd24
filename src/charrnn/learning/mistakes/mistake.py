"""What a mistake is: a line of a reference, and the line that is written in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from charrnn.learning import references, rewritten

HEAD = "softmax_head"


class Mistake(NamedTuple):
    """A wrong line.

    `line` is found in the function `where` (a network, or the readout), exactly once; `wrong` is written instead.
    """

    name: str
    equation: str  # the label of the equation that it breaks, without brackets
    line: str
    wrong: str
    explanation: str
    where: str = ""  # the function; by default the network of the catalogue
    large: bool = False  # shows only where gradients are large
    in_head: tuple[str, str] | None = None  # a line of the readout, and what is written instead, that belong to it
    also: tuple[tuple[str, str], ...] = ()  # other lines of the function itself that belong to it


def source_of(where: str) -> str:
    """The source of a reference function."""
    return rewritten.source_of(getattr(references, where))


@cache
def is_forward(mistake: Mistake, network: str) -> bool:
    """Whether it changes the forward pass, and so the loss."""
    where = mistake.where or network
    if where == HEAD:
        return mistake.equation in ("readout.1", "readout.2", "readout.3")
    source = source_of(where)
    return source.find(mistake.line) < source.index("head(h)")


def with_mistakes(where: str, network: str, mistakes: Sequence[Mistake]) -> Callable[..., Any] | None:
    """The function with those mistakes that are in it; None if two of them change the same line."""
    changes = tuple((m.line, m.wrong) for m in mistakes if (m.where or network) == where)
    changes += tuple(pair for m in mistakes if (m.where or network) == where for pair in m.also)
    changes += tuple(m.in_head for m in mistakes if m.in_head and where == HEAD)
    try:
        return rewritten.changed(getattr(references, where), changes)
    except LookupError:
        return None
