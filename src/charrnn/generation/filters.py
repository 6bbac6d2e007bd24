"""What is done to the next character's distribution before one is drawn. A new filter is one function and one line.

Each filter edits logits (B, V), float64, in place; −inf removes a character. Its value is one number for all rows, or a
column (B, 1) with one for each. Every row keeps at least one character, and each filter's neutral value changes nothing
at all. They are applied in the order of FILTERS, which is that of the field's other tools.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.settings import Setting, Slider, check_values, setting, settings_of


# fmt: off
@dataclass(frozen=True)
class SamplingConfig:
    """How characters are drawn. The defaults draw from the model's own distribution."""

    temperature: float = setting(1.0, "sampling", "below 1 safer, above 1 wilder; 0 is greedy", least=0, most=1e6,
                                 slider=Slider(0, 2, 0.05, 0.8, "below 1 safer, above 1 wilder"))
    top_k: int = setting(0, "sampling", "draw from the k likeliest characters only; 0 = off", least=0, most=1 << 31,
                         slider=Slider(0, 40, 1, 0, "draws from this many of the likeliest"))
    top_p: float = setting(1.0, "sampling", "draw from the likeliest characters that together have this share; "
                           "1 = off", least=0, most=1,
                           slider=Slider(0.05, 1, 0.05, 0.95, "draws from the nucleus of this share"))
    min_p: float = setting(0.0, "sampling", "draw from the characters at least this many times as likely as the "
                           "likeliest; 0 = off", least=0, most=1,
                           slider=Slider(0, 0.5, 0.01, 0, "drops characters below this × the likeliest"))
    greedy: bool = setting(False, "sampling", "always take the likeliest character")
# fmt: on


GREEDY = SamplingConfig(temperature=0.0)
Filter = Callable[[Array, "float | Array"], None]


def make_sampling(values: Mapping[str, Any]) -> SamplingConfig:
    """A checked configuration; ConfigError names the value and the limit."""
    return SamplingConfig(**check_values(settings_of(SamplingConfig), values))


def by_row(neutral: float) -> Callable[[Callable[[Array, Any], None]], Filter]:
    """Make a filter out of a function that need not know its neutral value, and of one value for all rows or for each.

    The function gets a number, or a column (B, 1) of them, and must treat each row as if it were alone.
    """

    def decorate(edit: Callable[[Array, Any], None]) -> Filter:
        @wraps(edit)
        def edit_rows(logits: Array, value: float | Array) -> None:
            if not isinstance(value, np.ndarray):
                if value != neutral:
                    edit(logits, value)
                return
            rows = np.flatnonzero(value[:, 0] != neutral)
            if len(rows):
                part = logits[rows]
                edit(part, value[rows])
                logits[rows] = part

        return edit_rows

    return decorate


@by_row(neutral=1.0)
def temperature(logits: Array, value: Any) -> None:
    """Divide by the temperature: below 1 the likely becomes likelier, above 1 all become alike; 0 is greedy."""
    logits -= logits.max(axis=1, keepdims=True)  # all ≤ 0, so that a tiny temperature cannot overflow to +inf
    frozen = value == 0.0
    if np.any(frozen):
        top_k(logits, frozen * 1)
    with np.errstate(over="ignore"):
        logits /= value + frozen


@by_row(neutral=0)
def top_k(logits: Array, value: Any) -> None:
    """Keep the k likeliest characters (Fan et al. 2018); of equals, the one of lower id. 0 keeps all."""
    order = np.argsort(-logits, axis=1, kind="stable")
    _remove(logits, order, np.broadcast_to(np.arange(logits.shape[1]) >= value, logits.shape))


@by_row(neutral=1.0)
def top_p(logits: Array, value: Any) -> None:
    """Keep the nucleus (Holtzman et al. 2020): the smallest set of likeliest characters whose share is at least p."""
    order = np.argsort(-logits, axis=1, kind="stable")
    probs = np.take_along_axis(probabilities(logits), order, axis=1)
    outside = np.zeros(probs.shape, bool)  # the likeliest stays even with p = 0
    outside[:, 1:] = np.cumsum(probs, axis=1)[:, :-1] >= value  # those likelier than each have share p already
    _remove(logits, order, outside)


@by_row(neutral=0.0)
def min_p(logits: Array, value: Any) -> None:
    """Keep the characters at least p times as likely as the likeliest (Nguyen et al. 2024). 0 keeps all."""
    logs = [[math.log(p)] for p in np.ravel(value)]
    logits[logits < logits.max(axis=1, keepdims=True) + logs] = -np.inf


def _remove(logits: Array, order: Array, outside: Array) -> None:
    """Remove the characters that are `outside` when each row is in some order."""
    np.put_along_axis(logits, order, np.where(outside, -np.inf, np.take_along_axis(logits, order, axis=1)), axis=1)


FILTERS: dict[str, Filter] = {
    "temperature": temperature,
    "top_k": top_k,
    "top_p": top_p,
    "min_p": min_p,
}


def sampling_settings() -> dict[str, Setting]:
    """The setting of every filter, in the order in which they are applied."""
    known = settings_of(SamplingConfig)
    return {name: known[name] for name in FILTERS}


def apply_filters(logits: Array, config: SamplingConfig) -> None:
    """Every filter in turn, in place."""
    if config.greedy:
        top_k(logits, 1)
        return
    for name, edit in FILTERS.items():
        edit(logits, getattr(config, name))


def apply_filters_by_row(logits: Array, configs: Sequence[SamplingConfig]) -> None:
    """As `apply_filters`, with a configuration for each row: each draws from the same shares as it would alone."""
    if len(set(configs)) == 1:
        apply_filters(logits, configs[0])
        return
    configs = [GREEDY if config.greedy else config for config in configs]
    for name, edit in FILTERS.items():
        edit(logits, np.array([[getattr(config, name)] for config in configs]))


def probabilities(logits: Array) -> Array:
    """Softmax of each row of (B, V); −inf becomes exactly 0."""
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return np.asarray(probs)
