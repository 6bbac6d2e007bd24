"""One description of a setting: its default, range, help and older spellings.

The flag of a command, the keyword in Python, the check of a recipe or a sweep, the field of an HTTP request with its
JSON schema, and the slider on the page all follow from it.
"""

from __future__ import annotations

import difflib
import math
import numbers
import os
import reprlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError

JSON_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}


@dataclass(frozen=True)
class Slider:
    """How a page shows a setting: from `low` to `high` in steps, beginning at `start`, with a few words about it."""

    low: float
    high: float
    step: float
    start: float
    words: str


@dataclass(frozen=True)
class Setting:
    """A value that a user may choose.

    Parameters
    ----------
    kind : {"int", "float", "bool", "str"}
    optional : bool
        None is a value, too.
    least, most : float, optional
        The smallest and the largest value.
    above, below : float, optional
        Limits that the value itself may not take.
    choices : collection of str
        The names it may have; a registry, or empty for any text.
    aliases : tuple of str
        Older spellings of its name.
    group : str
        The heading under which it is listed.
    """

    name: str
    kind: str
    help: str
    default: Any = None
    optional: bool = False
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    choices: Collection[str] = ()
    aliases: tuple[str, ...] = ()
    group: str = ""
    slider: Slider | None = None

    def check(self, value: Any) -> Any:
        """The value in its declared type, if it is in range.

        Raises
        ------
        ConfigError
            The value has the wrong type or is out of range.
        """
        name = self.name
        if value is None:
            if self.optional:
                return None
            raise ConfigError(f"{name} needs a value")
        value = getattr(self, f"_as_{self.kind}")(value)
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} '{value}' is not known{nearest(value, self.choices)}")
        if self.least is not None and value < self.least:
            raise ConfigError(f"{name} {value} is too small: it must be at least {self.least:g}")
        if self.above is not None and value <= self.above:
            raise ConfigError(f"{name} {value} is too small: it must be above {self.above:g}")
        if self.most is not None and value > self.most:
            raise ConfigError(f"{name} {value} is too large: it may be at most {self.most:g}")
        if self.below is not None and value >= self.below:
            raise ConfigError(f"{name} {value} is too large: it must be below {self.below:g}")
        return value

    def json_schema(self) -> dict[str, Any]:
        """The same description in the words of JSON Schema."""
        schema: dict[str, Any] = {"type": JSON_TYPES[self.kind]}
        if self.choices:
            schema["enum"] = list(self.choices)
        limits = {
            "minimum": self.least, "exclusiveMinimum": self.above,
            "maximum": self.most, "exclusiveMaximum": self.below,
        }  # fmt: skip
        schema |= {word: limit for word, limit in limits.items() if limit is not None}
        if self.default is not None:
            schema["default"] = self.default
        return {**schema, "description": self.help}

    def _as_int(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise ConfigError(f"{self.name} must be a whole number, not {_shown(value)}")
        return int(value)  # NumPy's integers, too

    def _as_float(self, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)
        except OverflowError:
            digits = len(str(value))
            raise ConfigError(f"{self.name} must be a finite number, not one of {digits:,} digits") from None
        if not math.isfinite(number):
            raise ConfigError(f"{self.name} must be a finite number, not {_shown(value)}")
        return number

    def _as_bool(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{self.name} must be true or false, not {_shown(value)}")
        return value

    def _as_str(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ConfigError(f"{self.name} must be text, not {_shown(value)}")
        return value


def setting(default: Any, group: str, help: str, **limits: Any) -> Any:
    """A field of a dataclass that is a setting; `limits` are the other arguments of `Setting`."""
    return field(default=default, metadata={"setting": {"group": group, "help": help, **limits}})


def settings_of(kind: type) -> dict[str, Setting]:
    """The settings that the fields of a dataclass describe, by name."""
    described = {}
    for f in fields(kind):
        if "setting" not in f.metadata:
            continue
        base, _, rest = str(f.type).partition(" | ")
        described[f.name] = Setting(f.name, base, default=f.default, optional=rest == "None", **f.metadata["setting"])
    return described


def check_values(known: Mapping[str, Setting], values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under their proper names and in their declared types, each checked.

    Raises
    ------
    ConfigError
        A name is unknown, or a value has the wrong type or is out of range.
    """
    spelled = {alias: setting.name for setting in known.values() for alias in setting.aliases}
    checked: dict[str, Any] = {}
    for given, value in values.items():
        name = spelled.get(given, given)
        if name not in known:
            raise ConfigError(f"no setting is called '{given}'{nearest(given, known)}")
        checked[name] = known[name].check(value)
    return checked


def check_value(name: str, value: Any, kind: str, **limits: Any) -> Any:
    """One value that is no field of a configuration, checked as a setting is; `kind` may end in ' | None'."""
    base, _, rest = kind.partition(" | ")
    return Setting(name, base, "", optional=rest == "None", **limits).check(value)


def check_path(name: str, value: Any) -> Path:
    """A path, given as text or as any object that stands for one."""
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise ConfigError(f"{name} must be a path, not {_shown(value)}")
    if "\0" in os.fspath(value):
        raise ConfigError(f"{name} {_shown(value)} cannot be a path: it has a zero byte")
    return Path(value)


def _shown(value: Any) -> str:
    """A value of the wrong type in a message; a long one is shortened."""
    return " ".join(reprlib.repr(value).split())


def nearest(name: str, known: Collection[str]) -> str:
    """', did you mean …?' for a misspelled name, else the list of the known ones."""
    close = difflib.get_close_matches(name, known, n=1)
    return f": did you mean '{close[0]}'?" if close else f": choose from {', '.join(known)}"
