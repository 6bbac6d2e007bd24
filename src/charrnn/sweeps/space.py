"""What is searched: for each setting a list of values, or a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from charrnn.config import known_settings
from charrnn.errors import ConfigError
from charrnn.recipes import read_recipe
from charrnn.settings import check_value, check_values, nearest

RECIPE = "recipe"  # not a field of a configuration, but it can be searched
RANGE_KEYS = ("low", "high", "log", "step")
Settings = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """The values of a list."""

    values: tuple[Any, ...]

    @property
    def size(self) -> float:
        return len(self.values)

    def as_json(self) -> list[Any]:
        return list(self.values)

    def scale(self) -> dict[str, Any]:
        """The axis of a figure: numbers in ascending order, words in the order given."""
        numbers = all(isinstance(value, int | float) for value in self.values)
        return {"values": sorted(self.values) if numbers else list(self.values)}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: evenly or by their logarithm, and in steps if `step` is given."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    @property
    def values(self) -> tuple[float, ...]:
        """Every number of a range in steps."""
        assert self.step is not None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        values = [float(f"{self.low + k * self.step:.12g}") for k in range(count)]
        return tuple(int(value) if self.whole else value for value in values)

    @property
    def size(self) -> float:
        """The number of values: infinite for real numbers without steps."""
        if self.step is None:
            return self.high - self.low + 1 if self.whole else math.inf
        return len(self.values)

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key in RANGE_KEYS}

    scale = as_json  # the axis of a figure


Dimension = Choices | Range
Search = Mapping[str, Dimension]


def check_setting(name: str, value: Any) -> tuple[str, Any]:
    """The proper name of a setting, and its value as the setting's type.

    Raises
    ------
    ConfigError
        There is no such setting, or it cannot have this value.
    """
    if name == RECIPE:
        read_recipe(value if isinstance(value, str) else repr(value))
        return name, value
    ((name, value),) = check_values(known_settings(), {name: value}).items()
    if name == "val_fraction" and value == 0:
        raise ConfigError("val_fraction 0 leaves nothing to compare runs by: it must be above 0")
    return name, value


def dimension(name: str, wanted: Any) -> tuple[str, Dimension]:
    """The proper name of a searched setting, and its values, as the specification gives them."""
    if isinstance(wanted, Mapping):
        return _range(name, wanted)
    if not isinstance(wanted, list | tuple):
        raise ConfigError(
            f"{name} must be a list of values, or a table with low and high, not {wanted!r}; what is the same in all "
            "runs belongs in [settings]"
        )
    if not wanted:
        raise ConfigError(f"{name} has no values to choose from")
    names, values = zip(*(check_setting(name, value) for value in wanted), strict=True)
    for number, value in enumerate(values):
        if value in values[:number]:
            raise ConfigError(f"{name} names {value!r} twice")
    return names[0], Choices(values)


def _range(name: str, wanted: Mapping[str, Any]) -> tuple[str, Range]:
    for key in map(str, wanted):
        if key not in RANGE_KEYS:
            raise ConfigError(f"{name}: a range has no '{key}'{nearest(key, RANGE_KEYS)}")
    for key in ("low", "high"):
        if key not in wanted:
            raise ConfigError(f"{name}: a range needs low and high; {key} is missing")
    (proper, low), (_, high) = (check_setting(name, wanted[key]) for key in ("low", "high"))
    kind = "str" if proper == RECIPE else known_settings()[proper].kind
    if kind not in ("int", "float"):
        raise ConfigError(f'{name}: a range is for numbers; list the values: {name} = ["{low}", "{high}"]')
    if low >= high:
        raise ConfigError(f"{name}: low {low} must be below high {high}")
    log, step, whole = check_value(f"{name}: log", wanted.get("log", False), "bool"), wanted.get("step"), kind == "int"
    if log and low <= 0:
        raise ConfigError(f"{name}: with log, low {low} must be above 0")
    if step is not None:
        number = isinstance(step, int if whole else (int, float)) and not isinstance(step, bool)
        if not number or not 0 < step < math.inf:
            raise ConfigError(f"{name}: step must be a {'whole ' if whole else ''}number above 0, not {step!r}")
        if log:
            raise ConfigError(f"{name}: step and log do not go together: leave one out, or list the values")
    return proper, Range(low, high, log, step, whole)
