"""One description of a setting: its default, range, help and older spellings.

The flag of a command, the keyword in Python, the check of a recipe or a sweep, the field of an HTTP request with its
JSON schema, and the slider on the page all follow from it.
"""

from __future__ import annotations

import difflib
import math
import numbers
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError

JSON_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
MOST_INT = (1 << 128) - 1  # of a whole number without a limit of its own; seeds are as long as this
MOST_TEXT = 1000  # characters of a value that is text
SHOWN = 100  # characters of a value in a message
SHOWN_PATH = 1000  # … and of a path


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
    word : str, optional
        A word that may stand in place of a number, such as "auto".
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
    word: str | None = None
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
        if self.word is not None and (value == self.word or isinstance(value, str)):
            return self._as_word(value)
        value = getattr(self, f"_as_{self.kind}")(value)
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} {shown(value)} is not known{nearest(value, self.choices)}")
        most = MOST_INT if self.most is None and self.kind == "int" else self.most
        if self.least is not None and value < self.least:
            raise ConfigError(f"{name} {shown(value)} is too small: it must be at least {self.least:g}")
        if self.above is not None and value <= self.above:
            raise ConfigError(f"{name} {shown(value)} is too small: it must be above {self.above:g}")
        if most is not None and value > most:
            raise ConfigError(f"{name} {shown(value)} is too large: it may be at most {most:g}")
        if self.below is not None and value >= self.below:
            raise ConfigError(f"{name} {shown(value)} is too large: it must be below {self.below:g}")
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

    def _as_word(self, value: Any) -> Any:
        """The word, or the number that is spelt out where a command line has only text."""
        if value == self.word:
            return value
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise ConfigError(f"{self.name} must be a whole number or {self.word}, not {shown(value)}")
        return self.check(int(value))

    def _as_int(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise ConfigError(f"{self.name} must be a whole number, not {shown(value)}")
        return int(value)  # NumPy's integers, too

    def _as_float(self, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)
        except OverflowError:
            raise ConfigError(f"{self.name} must be a finite number, not one of {_digits(value)}") from None
        if not math.isfinite(number):
            raise ConfigError(f"{self.name} must be a finite number, not {shown(value)}")
        return number

    def _as_bool(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{self.name} must be true or false, not {shown(value)}")
        return value

    def _as_str(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ConfigError(f"{self.name} must be text, not {shown(value)}")
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
        described[f.name] = Setting(
            **{"name": f.name, "kind": base, "default": f.default, "optional": rest == "None", **f.metadata["setting"]}
        )
    return described


def check_values(known: Mapping[str, Setting], values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under their proper names and in their declared types, each checked.

    Raises
    ------
    ConfigError
        A name is unknown, or a value has the wrong type or is out of range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"settings must be a table of names and values, not {shown(values)}")
    checked: dict[str, Any] = {}
    for given, value in values.items():
        name = proper_name(known, given)
        checked[name] = known[name].check(value)
        if isinstance(value, str) and len(value) > MOST_TEXT:
            raise ConfigError(f"{name} has {len(value):,} characters: it may have at most {MOST_TEXT:,}")
        if isinstance(value, str) and not value.isprintable():
            raise ConfigError(f"{name} must be printable text, not {shown(value)}")
    return checked


def proper_name(known: Mapping[str, Setting], given: Any) -> str:
    """The name of a setting that may be given in an older spelling; ConfigError if there is none."""
    if given in known:
        return str(given)
    for setting in known.values():
        if given in setting.aliases:
            return setting.name
    raise ConfigError(f"no setting is called {shown(given)}{nearest(given, known)}")


def check_value(name: str, value: Any, kind: str, **limits: Any) -> Any:
    """One value that is no field of a configuration, checked as a setting is; `kind` may end in ' | None'."""
    base, _, rest = kind.partition(" | ")
    return Setting(name, base, "", optional=rest == "None", **limits).check(value)


def check_texts(name: str, value: Any) -> Iterable[Any]:
    """Several texts; one alone is refused, since it would pass for a list of its characters."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ConfigError(f"{name} must be a list of texts, not {shown(value)}: put a single text into a list")
    return value


def check_path(name: str, value: Any) -> Path:
    """A path, given as text or as any object that stands for one."""
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise ConfigError(f"{name} must be a path, not {shown(value)}")
    if "\0" in os.fspath(value):
        raise ConfigError(f"{name} {shown(value)} cannot be a path: it has a zero byte")
    return Path(value)


def shown(value: Any, most: int = SHOWN) -> str:
    """A value for a message: on one line, printable and short, whatever it is."""
    if isinstance(value, int) and abs(value) > MOST_INT:
        return f"<{_digits(value)}>"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # it holds numbers of thousands of digits, or itself
        text = f"a {type(value).__name__}"
    text = re.sub(r"\\udc([89a-f][0-9a-f])", r"\\x\1", text)  # a byte of a file name that is not UTF-8
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _digits(number: Any) -> str:
    return f"{math.floor(math.log10(abs(number))) + 1:,} digits"  # Python refuses to write thousands of them


def did_you_mean(name: Any, known: Collection[str]) -> str:
    """': did you mean …?' for a misspelled name, else nothing."""
    close = difflib.get_close_matches(name, known, n=1) if isinstance(name, str) else []
    return f": did you mean '{close[0]}'?" if close else ""


def nearest(name: Any, known: Collection[str]) -> str:
    """': did you mean …?' for a misspelled name, else the list of the known ones."""
    return did_you_mean(name, known) or f": choose from {', '.join(known)}"
