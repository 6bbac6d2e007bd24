"""The measure of a loss: guessing among V characters costs ln V nats each. A model that costs more has gone wrong."""

from __future__ import annotations

import math

from charrnn.errors import DivergenceError
from charrnn.units import with_units

FAR = 10  # times ln V: no training comes back from there
WORSE = 1.02  # times ln V: the network before its first step costs a little more than guessing
NEAR = 0.9  # times ln V: hardly better than the network was before its first step


def guessing(vocab_size: int) -> float:
    """The loss of guessing, in nats per character."""
    return math.log(vocab_size)


def is_far_beyond(loss: float, vocab_size: int) -> bool:
    """Whether a loss is so much worse than guessing that training has diverged."""
    return loss > FAR * guessing(max(vocab_size, 2))


def refuse_far_beyond(step: int, loss: float, vocab_size: int) -> None:
    if is_far_beyond(loss, vocab_size):
        raise DivergenceError(
            f"training diverged by step {step:,}: the training loss is {loss:.4g} nats; guessing costs "
            f"{guessing(vocab_size):.4g}"
        )


def worse_than_guessing(loss: float, vocab_size: int, unit: str) -> str | None:
    """The complaint about a loss, in nats per `unit`, that is worse than that of guessing; None if it is not."""
    if loss <= WORSE * guessing(vocab_size):
        return None
    return f"{with_units(loss, unit)} is worse than guessing, which costs {guessing(vocab_size):.4f} nats"
