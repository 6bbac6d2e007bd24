"""What is searched: for each setting a list of values, or a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from charrnn.config import known_settings
from charrnn.errors import ConfigError
from charrnn.recipes import read_recipe
from charrnn.settings import MOST_INT, Setting, check_value, check_values, nearest, proper_name, shown

RECIPE = "recipe"  # not a field of a configuration, but it can be searched
MOST_CHOICES = 10_000
MOST_STEPS = 1_000_000  # of a range of real numbers; finer ones are lost in rounding
RANGE_KEYS = ("low", "high", "log", "step")
Settings = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """The values of a list."""

    values: tuple[Any, ...]

    @property
    def size(self) -> float:
        return len(self.values)

    def holds(self, value: Any) -> bool:
        return value in self.values

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
        """Every number of a range in steps; `size` says first how many they are."""
        return tuple(map(self.value, range(int(self.size))))

    def value(self, number: int) -> float:
        """A number of a range in steps, counted from `low`."""
        assert self.step is not None
        value = self.low + number * self.step
        return int(value) if self.whole else float(f"{value:.12g}")

    @property
    def size(self) -> float:
        """The number of values: infinite for real numbers without steps."""
        if self.whole:
            return (int(self.high) - int(self.low)) // int(self.step or 1) + 1
        steps = math.inf if self.step is None else (self.high - self.low) / self.step
        return math.floor(steps + 1e-9) + 1 if steps < math.inf else math.inf

    def holds(self, value: Any) -> bool:
        return type(value) in ((int,) if self.whole else (int, float)) and self.low <= value <= self.high

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key in RANGE_KEYS}

    scale = as_json  # the axis of a figure


Dimension = Choices | Range
Search = Mapping[str, Dimension]


def check_setting(name: str, value: Any, known: Mapping[str, Setting] | None = None) -> tuple[str, Any]:
    """The proper name of a setting, and its value as the setting's type; `known` settings are looked up once for many.

    Raises
    ------
    ConfigError
        There is no such setting, or it cannot have this value.
    """
    if name == RECIPE:
        read_recipe(value if isinstance(value, str) else shown(value))
        return name, value
    ((name, value),) = check_values(known or known_settings(), {name: value}).items()
    if name == "val_fraction" and value == 0:
        raise ConfigError("val_fraction 0 leaves nothing to compare runs by: it must be above 0")
    return name, value


def dimension(name: str, wanted: Any) -> tuple[str, Dimension]:
    """The proper name of a searched setting, and its values, as the specification gives them."""
    known = known_settings()
    if name != RECIPE:
        proper_name(known, name)
    if isinstance(wanted, Mapping):
        return _range(name, wanted)
    if not isinstance(wanted, list | tuple):
        raise ConfigError(
            f"{name} must be a list of values, or a table with low and high, not {shown(wanted)}; what is the same in "
            "all runs belongs in [settings]"
        )
    if not wanted:
        raise ConfigError(f"{name} has no values to choose from")
    if len(wanted) > MOST_CHOICES:
        raise ConfigError(f"{name} has {len(wanted):,} values: give at most {MOST_CHOICES:,}, or a range")
    names, values = zip(*(check_setting(name, value, known) for value in wanted), strict=True)
    seen = set()
    for value in values:
        if value in seen:
            raise ConfigError(f"{name} lists {shown(value)} twice")
        seen.add(value)
    return names[0], Choices(values)


def _range(name: str, wanted: Mapping[str, Any]) -> tuple[str, Range]:
    for key in wanted:
        if key not in RANGE_KEYS:
            raise ConfigError(f"{name}: a range has no {shown(key)}{nearest(key, RANGE_KEYS)}")
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
        if not number or not 0 < step < math.inf or step > MOST_INT:
            raise ConfigError(f"{name}: step must be a {'whole ' if whole else ''}number above 0, not {shown(step)}")
        if log:
            raise ConfigError(f"{name}: step and log do not go together: leave one out, or list the values")
    found = Range(low, high, log, step, whole)
    if step is not None and not whole and found.size > MOST_STEPS:
        raise ConfigError(
            f"{name}: step {step:g} makes {found.size:,.0f} values, more than {MOST_STEPS:,}: use a larger one"
        )
    return proper, found
