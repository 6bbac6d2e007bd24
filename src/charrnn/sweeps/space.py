"""What is searched: for each setting a list of values, or a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.config import known_settings
from charrnn.errors import ConfigError
from charrnn.recipes import read_recipe
from charrnn.settings import check_values, nearest

RECIPE = "recipe"  # not a field of a configuration, and yet something to choose
RANGE_KEYS = ("low", "high", "log", "step")
DIGITS = 4  # of a number drawn from a range


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: evenly or by their logarithm, and in steps if there is one."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def draw(self, rng: np.random.Generator) -> float:
        """A number from the range; those that are not whole have four digits, so that they can be read and typed."""
        if self.step is not None:
            values = self.values()
            return values[rng.integers(len(values))]
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        elif self.whole:
            return int(rng.integers(int(self.low), int(self.high), endpoint=True))
        else:
            value = rng.uniform(self.low, self.high)
        value = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return min(max(value, self.low), self.high)

    def values(self) -> list[float]:
        """Every number of a range in steps."""
        assert self.step is not None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        values = [float(f"{self.low + k * self.step:.12g}") for k in range(count)]
        return [int(value) for value in values] if self.whole else values

    def as_json(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


Dimension = tuple[Any, ...] | Range


def check_setting(name: str, value: Any) -> tuple[str, Any]:
    """A setting's proper name, and the value if there is such a setting and it may have it."""
    if name == RECIPE:
        read_recipe(value if isinstance(value, str) else repr(value))
        return name, value
    ((name, value),) = check_values(known_settings(), {name: value}).items()
    if name == "val_fraction" and value == 0:
        raise ConfigError("val_fraction 0 leaves nothing to compare runs by: it must be above 0")
    return name, value


def dimension(name: str, wanted: Any) -> tuple[str, Dimension]:
    """The proper name of a searched setting, and its values, from what stands in the specification."""
    if isinstance(wanted, Mapping):
        return _range(name, wanted)
    if not isinstance(wanted, list | tuple):
        raise ConfigError(
            f"{name} must be a list of values, or a table with low and high, not {wanted!r}; what is the same in all "
            "runs belongs in [settings]"
        )
    if not wanted:
        raise ConfigError(f"{name} has no values to choose from")
    checked = [check_setting(name, value) for value in wanted]
    values = tuple(value for _, value in checked)
    for number, value in enumerate(values):
        if value in values[:number]:
            raise ConfigError(f"{name} names {value!r} twice")
    return checked[0][0], values


def _range(name: str, wanted: Mapping[str, Any]) -> tuple[str, Range]:
    for key in map(str, wanted):
        if key not in RANGE_KEYS:
            raise ConfigError(f"{name}: a range has no '{key}'{nearest(key, RANGE_KEYS)}")
    for key in ("low", "high"):
        if key not in wanted:
            raise ConfigError(f"{name}: a range needs low and high; {key} is missing")
    proper, low = check_setting(name, wanted["low"])
    _, high = check_setting(name, wanted["high"])
    kinds = {name: setting.kind for name, setting in known_settings().items()}
    if not kinds.get(proper, "str").startswith(("int", "float")):
        raise ConfigError(f'{name}: a range is for numbers; list the values: {name} = ["{low}", "{high}"]')
    if low >= high:
        raise ConfigError(f"{name}: low {low} must be below high {high}")
    log, step, whole = wanted.get("log", False), wanted.get("step"), kinds[proper].startswith("int")
    if not isinstance(log, bool):
        raise ConfigError(f"{name}: log must be true or false, not {log!r}")
    if log and low <= 0:
        raise ConfigError(f"{name}: with log, low {low} must be above 0")
    if step is not None:
        number = isinstance(step, int if whole else (int, float)) and not isinstance(step, bool)
        if not number or not 0 < step < math.inf:
            raise ConfigError(f"{name}: step must be a {'whole ' if whole else ''}number above 0, not {step!r}")
        if log:
            raise ConfigError(f"{name}: step and log do not go together: leave one out, or list the values")
    return proper, Range(low, high, log, step, whole)
