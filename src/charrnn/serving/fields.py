"""The fields of a request, once: what is accepted, and the JSON schema that says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from charrnn.serving.errors import ApiError
from charrnn.settings import nearest

JSON_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}


@dataclass(frozen=True)
class Field:
    """A field of a JSON object. `null` is the same as leaving it out, unless the field is required.

    Parameters
    ----------
    kind : str
        "int", "float", "bool", "str", "texts" (a string or a list of them) or "object".
    neutral : tuple, optional
        The field is known to other servers, not to this one: only these values are accepted, and change nothing.
    """

    kind: str
    help: str
    default: Any = None
    required: bool = False
    least: float | None = None
    most: float | None = None
    min_chars: int = 0
    max_chars: int | None = None
    min_items: int = 1
    max_items: int | None = None
    choices: tuple[str, ...] = ()
    neutral: tuple[Any, ...] = ()
    inside: Mapping[str, Field] = field(default_factory=dict)  # of an object

    def check(self, name: str, value: Any) -> Any:
        """The value, if it is acceptable; ApiError 400 names it, the limit and the remedy."""
        if self.neutral:
            if not any(value == n and isinstance(value, bool) == isinstance(n, bool) for n in self.neutral):
                shown = " or ".join(repr(n) for n in self.neutral)
                raise _wrong(name, f"{name} is not supported here: leave it out (only {shown} is accepted)")
            return value
        if self.kind == "object":
            if not isinstance(value, dict):
                raise _wrong(name, f"{name} must be an object, not {_shown(value)}")
            return check_fields(self.inside, value, f"{name}.")
        if self.kind == "texts":
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise _wrong(name, f"{name} must be a string or a list of strings, not {_shown(value)}")
            if self.max_items is not None and not self.min_items <= len(texts) <= self.max_items:
                raise _wrong(
                    name, f"{name} has {len(texts)} strings: it must have {self.min_items} to {self.max_items}"
                )
            for text in texts:
                self._check_text(name, text)
            return value
        if self.kind == "str":
            if not isinstance(value, str):
                raise _wrong(name, f"{name} must be a string, not {_shown(value)}")
            self._check_text(name, value)
        elif self.kind == "bool":
            if not isinstance(value, bool):
                raise _wrong(name, f"{name} must be true or false, not {_shown(value)}")
        else:
            return self._check_number(name, value)
        return value

    def _check_text(self, name: str, text: str) -> None:
        if self.max_chars is not None and len(text) > self.max_chars:
            raise _wrong(
                name, f"{name} has {len(text):,} characters: at most {self.max_chars:,} are accepted", "too_long"
            )
        if len(text) < self.min_chars:
            raise _wrong(name, f"{name} is too short: it must have at least {self.min_chars} characters")
        if self.choices and text not in self.choices:
            raise _wrong(name, f"{name} {_shown(text)} is not known{nearest(text[:60], self.choices)}")

    def _check_number(self, name: str, value: Any) -> Any:
        whole = self.kind == "int"
        if isinstance(value, float) and whole and value.is_integer():
            value = int(value)  # JSON knows no difference between 1 and 1.0
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise _wrong(name, f"{name} must be a {'whole ' if whole else ''}number, not {_shown(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise _wrong(name, f"{name} must be a finite number, not {value!r}")
        if self.least is not None and value < self.least:
            raise _wrong(name, f"{name} {_shown(value)} is too small: it must be at least {self.least:,g}")
        if self.most is not None and value > self.most:
            raise _wrong(name, f"{name} {_shown(value)} is too large: it may be at most {self.most:,g}")
        return value if whole else float(value)

    def schema(self) -> dict[str, Any]:
        """The same in the words of JSON Schema."""
        if self.neutral:
            return {"enum": [*self.neutral, None], "description": self.help}
        schema: dict[str, Any]
        text: dict[str, Any] = {"type": "string"}
        if self.min_chars:
            text["minLength"] = self.min_chars
        if self.max_chars is not None:
            text["maxLength"] = self.max_chars
        if self.choices:
            text["enum"] = list(self.choices)
        if self.kind == "texts":
            many: dict[str, Any] = {"type": "array", "items": text, "minItems": self.min_items}
            if self.max_items is not None:
                many["maxItems"] = self.max_items
            schema = {"anyOf": [text, many]}
        elif self.kind == "object":
            schema = object_schema(self.inside)
        else:
            schema = dict(text) if self.kind == "str" else {"type": JSON_TYPES[self.kind]}
            if self.least is not None:
                schema["minimum"] = self.least
            if self.most is not None:
                schema["maximum"] = self.most
        if not self.required:
            schema = {"anyOf": [*schema.pop("anyOf", [schema]), {"type": "null"}]}
        if self.default is not None:
            schema["default"] = self.default
        return {**schema, "description": self.help}


def check_fields(known: Mapping[str, Field], values: Any, prefix: str = "") -> dict[str, Any]:
    """The values of all known fields, with defaults for what was left out.

    Raises
    ------
    ApiError
        400: a field is unknown, missing, of the wrong type or out of range.
    """
    if not isinstance(values, dict):
        raise ApiError(400, f"the request's body must be a JSON object, not {_shown(values)}")
    for name in values:
        if name not in known:
            raise _wrong(prefix + name[:60], f"no field is called {name[:60]!r}{nearest(name[:60], known)}")
    checked = {}
    for name, field_ in known.items():
        value = values.get(name)
        if value is None:
            if field_.required:
                raise _wrong(prefix + name, f"{prefix}{name} is missing: {field_.help}")
            checked[name] = field_.default
        else:
            checked[name] = field_.check(prefix + name, value)
    return checked


def object_schema(known: Mapping[str, Field]) -> dict[str, Any]:
    """The JSON schema of an object of these fields."""
    return {
        "type": "object",
        "properties": {name: field_.schema() for name, field_ in known.items()},
        "required": [name for name, field_ in known.items() if field_.required],
        "additionalProperties": False,
    }


def _wrong(name: str, message: str, code: str | None = None) -> ApiError:
    return ApiError(400, message, name, code)


def _shown(value: Any) -> str:
    """A value in a message, not at any length."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
