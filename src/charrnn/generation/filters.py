"""Sampling rules: what is done to the next character's distribution before one is drawn.

A rule edits logits (B, V), float64, in place; −inf removes a character. Its value is one number for all rows, or a
column (B, 1) with one for each. Every row keeps at least one character, and a rule's default changes nothing. Rules are
applied in the order of FILTERS, which is that of the field's other tools.

A new rule is one function with its setting and one line in FILTERS. The flag of `charrnn sample`, the keyword of
`generate`, the field of the HTTP API and the slider on the page follow from the setting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Protocol

import numpy as np

from charrnn.arrays import Array
from charrnn.settings import Setting, Slider, check_values


class Rule(Protocol):
    """Edit logits (B, V) in place by a value, a number or a column (B, 1); the setting describes the value."""

    setting: Setting

    def __call__(self, logits: Array, value: float | Array, /) -> None: ...


def rule(setting: Setting) -> Callable[[Callable[[Array, Any], None]], Rule]:
    """Make a rule of a function, which need not know its neutral value, or that rows may have values of their own.

    The function gets a number, or a column (B, 1) of them, and must treat each row as if it were alone.
    """

    def decorate(edit: Callable[[Array, Any], None]) -> Rule:
        @wraps(edit)
        def edit_rows(logits: Array, value: float | Array) -> None:
            if not isinstance(value, np.ndarray):
                if value != setting.default:
                    edit(logits, value)
                return
            rows = np.flatnonzero(value[:, 0] != setting.default)
            if len(rows):
                part = logits[rows]
                edit(part, value[rows])
                logits[rows] = part

        edit_rows.setting = setting  # type: ignore[attr-defined]  # a function with the attribute of a Rule
        return edit_rows  # type: ignore[return-value]

    return decorate


@rule(Setting("temperature", "float", "below 1 safer, above 1 wilder; 0 is greedy", 1.0, least=0, most=1e6,
              slider=Slider(0, 2, 0.05, 0.8, "below 1 safer, above 1 wilder")))  # fmt: skip
def temperature(logits: Array, value: Any) -> None:
    """Divide by the temperature: below 1 likely characters become likelier, above 1 all become alike; 0 is greedy."""
    logits -= logits.max(axis=1, keepdims=True)  # all ≤ 0, so that a tiny temperature cannot overflow to +inf
    frozen = value == 0.0
    if np.any(frozen):
        top_k(logits, frozen * 1)
    with np.errstate(over="ignore"):
        logits /= value + frozen  # [sampling.1], of which the softmax follows


@rule(Setting("top_k", "int", "draw only from the k likeliest characters; 0 = off", 0, least=0, most=1 << 31,
              slider=Slider(0, 40, 1, 0, "draws from the k likeliest only")))  # fmt: skip
def top_k(logits: Array, value: Any) -> None:
    """Keep the k likeliest characters (Fan et al. 2018); of equals, the one of lower id. 0 keeps all."""
    order = np.argsort(-logits, axis=1, kind="stable")
    _remove(logits, order, np.broadcast_to(np.arange(logits.shape[1]) >= value, logits.shape))  # [sampling.2]


@rule(Setting("top_p", "float", "draw only from the likeliest characters that together have this share; 1 = off", 1.0,
              least=0, most=1, slider=Slider(0.05, 1, 0.05, 0.95, "draws from the nucleus of this share")))  # fmt: skip
def top_p(logits: Array, value: Any) -> None:
    """Keep the nucleus (Holtzman et al. 2020): the smallest set of likeliest characters whose share is at least p."""
    order = np.argsort(-logits, axis=1, kind="stable")
    probs = np.take_along_axis(probabilities(logits), order, axis=1)
    outside = np.zeros(probs.shape, bool)  # the likeliest stays even with p = 0
    outside[:, 1:] = np.cumsum(probs, axis=1)[:, :-1] >= value  # those likelier than each have share p already
    _remove(logits, order, outside)  # [sampling.3]


@rule(Setting("min_p", "float", "draw only from characters at least this fraction as likely as the likeliest; "
              "0 = off", 0.0, least=0, most=1,
              slider=Slider(0, 0.5, 0.01, 0, "drops all below this × the likeliest")))  # fmt: skip
def min_p(logits: Array, value: Any) -> None:
    """Keep the characters at least p times as likely as the likeliest (Nguyen et al. 2024). 0 keeps all."""
    logs = [[math.log(p)] for p in np.ravel(value)]
    logits[logits < logits.max(axis=1, keepdims=True) + logs] = -np.inf


def _remove(logits: Array, order: Array, outside: Array) -> None:
    """Remove the characters that are `outside` when each row is in some order."""
    np.put_along_axis(logits, order, np.where(outside, -np.inf, np.take_along_axis(logits, order, axis=1)), axis=1)


FILTERS: dict[str, Rule] = {
    "temperature": temperature,
    "top_k": top_k,
    "top_p": top_p,
    "min_p": min_p,
}
GREEDY = Setting("greedy", "bool", "always take the likeliest character", False)  # as temperature 0


def sampling_settings() -> dict[str, Setting]:
    """The setting of every rule, by name."""
    return {name: each.setting for name, each in FILTERS.items()}


class SamplingConfig:
    """How characters are drawn: a value for every rule. The defaults draw from the model's own distribution.

    Raises
    ------
    ConfigError
        A name is unknown, or a value is out of range.
    """

    def __init__(self, **values: Any) -> None:
        known = {**sampling_settings(), GREEDY.name: GREEDY}
        self._values = {**{name: each.default for name, each in known.items()}, **check_values(known, values)}
        self.greedy: bool = self._values.pop("greedy")
        if self.greedy:
            self._values["temperature"] = 0.0
        self._key = tuple(self._values.items())
        self._hash = hash(self._key)  # asked for at every character that the server writes

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SamplingConfig) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash


def make_sampling(values: Mapping[str, Any]) -> SamplingConfig:
    """A checked configuration from values by name."""
    return SamplingConfig(**values)


def apply_filters(logits: Array, config: SamplingConfig) -> None:
    """Apply every rule in turn, in place."""
    if config.greedy:
        top_k(logits, 1)
        return
    for name, edit in FILTERS.items():
        edit(logits, config[name])


def apply_filters_by_row(logits: Array, configs: Sequence[SamplingConfig]) -> None:
    """As `apply_filters`, with a configuration for each row: each draws from the same shares as it would alone."""
    if len(set(configs)) == 1:
        apply_filters(logits, configs[0])
        return
    for name, edit in FILTERS.items():
        edit(logits, np.array([[config[name]] for config in configs]))


def probabilities(logits: Array) -> Array:
    """Softmax of each row of (B, V); −inf becomes exactly 0."""
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return np.asarray(probs)
