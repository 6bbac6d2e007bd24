"""What a rule is: a function that is the definition, what is right as well, and what is wrong, line by line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from charrnn.learning.rewritten import Changes, changed


class Wrong(NamedTuple):
    """A mistake: the definition with lines replaced."""

    name: str
    equation: str  # its label, without brackets
    changes: Changes
    explanation: str


class Rule(NamedTuple):
    """A rule, with its conventions: changes after which it is right as well."""

    title: str
    definition: Callable[..., Any]
    equation: str  # of what no mistake explains
    mistakes: tuple[Wrong, ...]
    conventions: tuple[Changes, ...] = ()

    def right(self) -> Iterator[Callable[..., Any]]:
        """The definition, in each of its conventions."""
        for convention in ((), *self.conventions):
            yield changed(self.definition, convention)

    def wrong(self) -> Iterator[tuple[Wrong, Callable[..., Any]]]:
        """The definition with each mistake; those that exclude a convention are tried without it."""
        for mistake in self.mistakes:
            for convention in ((), *self.conventions):
                with contextlib.suppress(LookupError):
                    yield mistake, changed(self.definition, (*convention, *mistake.changes))


def one(name: str, equation: str, line: str, wrong: str, explanation: str) -> Wrong:
    """A mistake in one place."""
    return Wrong(name, equation, ((line, wrong),), explanation)
