"""What is done to the next character's distribution before one is drawn. A new filter is one function and one line.

Each filter edits logits (B, V), float64, in place; −inf removes a character. Every row keeps at least one character,
and each filter's neutral value changes nothing at all. They are applied in the order of FILTERS, which is that of the
field's other tools.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import check_values, setting


# fmt: off
@dataclass(frozen=True)
class SamplingConfig:
    """How characters are drawn. The defaults draw from the model's own distribution."""

    temperature: float = setting(1.0, "sampling", "below 1 bolder, above 1 wilder; 0 is greedy", least=0)
    top_k: int = setting(0, "sampling", "draw from the k likeliest characters only; 0 = off", least=0)
    top_p: float = setting(1.0, "sampling", "draw from the likeliest characters that together have this share; "
                           "1 = off", least=0, most=1)
    min_p: float = setting(0.0, "sampling", "draw from the characters at least this many times as likely as the "
                           "likeliest; 0 = off", least=0, most=1)
    greedy: bool = setting(False, "sampling", "always take the likeliest character")
# fmt: on


def make_sampling(values: Mapping[str, Any]) -> SamplingConfig:
    """A checked configuration; ConfigError names the value and the limit."""
    return SamplingConfig(**check_values(SamplingConfig, values))


def temperature(logits: Array, value: float) -> None:
    """Divide by the temperature: below 1 the likely becomes likelier, above 1 all become alike; 0 is greedy."""
    if value == 1.0:
        return
    if value == 0.0:
        top_k(logits, 1)
        return
    logits -= logits.max(axis=1, keepdims=True)  # all ≤ 0, so that a tiny temperature cannot overflow to +inf
    with np.errstate(over="ignore"):
        logits /= value


def top_k(logits: Array, value: int) -> None:
    """Keep the k likeliest characters (Fan et al. 2018); of equals, the one of lower id. 0 keeps all."""
    if value == 0 or value >= logits.shape[1]:
        return
    order = np.argsort(-logits, axis=1, kind="stable")
    np.put_along_axis(logits, order[:, int(value) :], -np.inf, axis=1)


def top_p(logits: Array, value: float) -> None:
    """Keep the nucleus (Holtzman et al. 2020): the smallest set of likeliest characters whose share is at least p."""
    if value >= 1.0:
        return
    order = np.argsort(-logits, axis=1, kind="stable")
    probs = np.take_along_axis(probabilities(logits), order, axis=1)
    outside = np.zeros(probs.shape, bool)  # the likeliest stays even with p = 0
    outside[:, 1:] = np.cumsum(probs, axis=1)[:, :-1] >= value  # those likelier than each have share p already
    np.put_along_axis(logits, order, np.where(outside, -np.inf, np.take_along_axis(logits, order, axis=1)), axis=1)


def min_p(logits: Array, value: float) -> None:
    """Keep the characters at least p times as likely as the likeliest (Nguyen et al. 2024). 0 keeps all."""
    if value == 0.0:
        return
    likeliest = logits.max(axis=1, keepdims=True)
    logits[logits < likeliest + math.log(value)] = -np.inf


FILTERS: dict[str, Callable[[Array, float], None]] = {
    "temperature": temperature,
    "top_k": top_k,  # type: ignore[dict-item]  # an int is a float to the caller
    "top_p": top_p,
    "min_p": min_p,
}


def apply_filters(logits: Array, config: SamplingConfig) -> None:
    """Every filter in turn, in place."""
    if config.greedy:
        top_k(logits, 1)
        return
    for name, edit in FILTERS.items():
        edit(logits, getattr(config, name))


def probabilities(logits: Array) -> Array:
    """Softmax of each row of (B, V); −inf becomes exactly 0."""
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return np.asarray(probs)
