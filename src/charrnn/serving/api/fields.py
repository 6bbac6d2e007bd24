"""Requests as pydantic models: the types of their fields, and pydantic's errors in the words of this API.

Types are strict: "1" is no number and `true` no integer, but 1.0 is one, since JSON does not distinguish it from 1.
`null` means that a field is left out. A field that the model lacks is an error with a suggestion.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)  # fmt: skip
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails

from charrnn.serving.http.errors import ApiError
from charrnn.settings import Setting, nearest
from charrnn.text.vocabulary import ON_UNKNOWN

OUTSIDE = ("default", "description")  # keywords of a JSON schema that stay beside its alternatives


class Body(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Let each optional field be null, too."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        for name, field in schema["properties"].items():
            if name not in schema.get("required", ()):
                kept = {key: field.pop(key) for key in OUTSIDE if field.get(key) is not None}
                field.pop("default", None)
                found = field.pop("anyOf", [dict(field)])
                field.clear()
                field |= {"anyOf": [f for f in found if f != {"type": "null"}] + [{"type": "null"}], **kept}
        return schema


B = TypeVar("B", bound=Body)


def check(model: type[B], values: Any, inside: str = "") -> B:
    """Return a request's values. `inside` prefixes the names of an object within the body.

    Raises
    ------
    ApiError
        400: a field is unknown, missing, of the wrong type or out of range.
    """
    if isinstance(values, dict):
        fields = model.model_fields
        for name in values:
            if name not in fields:
                known = nearest(name[:60], fields)
                raise ApiError(400, f"no field is called {name[:60]!r}{known}", inside + name[:60])
        values = {name: value for name, value in values.items() if value is not None}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _translated(error.errors(include_url=False)[0], model.model_fields, inside) from None


def wrong(info: ValidationInfo, problem: str, code: str | None = None) -> ApiError:
    """What is wrong with the field that is being checked."""
    return ApiError(400, f"{info.field_name} {problem}", info.field_name, code)


# Types of fields


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _representable(value: Any) -> Any:
    """An integer that is too large for a float becomes the largest one, which is out of range, too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-sys.float_info.max, min(value, sys.float_info.max))
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_representable)]


def text(least: int, most: int) -> Any:
    """A string of `least` to `most` characters. Half a surrogate pair is one, though pydantic's own type refuses it."""

    def checked(value: Any, info: ValidationInfo) -> str:
        if not isinstance(value, str):
            raise wrong(info, f"must be a string, not {_shown(value)}")
        return _of_length(value, least, most, info)

    return Annotated[Any, AfterValidator(checked), WithJsonSchema(_text_schema(least, most))]


def texts(fewest: int, most: int, least_chars: int, most_chars: int) -> Any:
    """A string, or a list of them; the value is a list."""

    def checked(value: Any, info: ValidationInfo) -> list[str]:
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise wrong(info, f"must be a string or a list of strings, not {_shown(value)}")
        if not fewest <= len(found) <= most:
            raise wrong(info, f"has {len(found)} strings: it must have {fewest} to {most}")
        return [_of_length(each, least_chars, most_chars, info) for each in found]

    one = _text_schema(least_chars, most_chars)
    schema = {"anyOf": [one, {"type": "array", "items": one, "minItems": fewest, "maxItems": most}]}
    return Annotated[Any, AfterValidator(checked), WithJsonSchema(schema)]


def _of_length(value: str, least: int, most: int, info: ValidationInfo) -> str:
    if len(value) > most:
        raise wrong(info, f"has {len(value):,} characters: at most {most:,} are accepted", "too_long")
    if len(value) < least:
        raise wrong(info, f"is too short: it must have at least {least} characters")
    return value


def _text_schema(least: int, most: int) -> dict[str, Any]:
    return {"type": "string", **({"minLength": least} if least else {}), "maxLength": most}


def choice(names: Collection[str]) -> Any:
    """One of these names."""

    def checked(value: Any, info: ValidationInfo) -> str:
        if not isinstance(value, str):
            raise wrong(info, f"must be a string, not {_shown(value)}")
        if value not in names:
            raise wrong(info, f"{_shown(value)} is not known{nearest(value[:60], names)}")
        return value

    return Annotated[Any, AfterValidator(checked), WithJsonSchema({"type": "string", "enum": list(names)})]


def unsupported(value: Any) -> tuple[Any, Any]:
    """A field that other servers have: only the value that changes nothing is accepted."""

    def unchanged(given: Any, info: ValidationInfo) -> Any:
        if given != value or isinstance(given, bool):
            raise wrong(info, f"is not supported here: leave it out (only {value!r} is accepted)")
        return given

    kind = Annotated[Any, AfterValidator(unchanged), WithJsonSchema({"enum": [value]})]
    return kind, Field(None, description="not supported")


def inner(model: type[B], name: str) -> Any:
    """An object within the body."""

    def checked(values: Any) -> B:
        if not isinstance(values, dict):
            raise ApiError(400, f"{name} must be an object, not {_shown(values)}", name)
        return check(model, values, f"{name}.")

    return Annotated[model, BeforeValidator(checked)]


def of_setting(setting: Setting) -> tuple[Any, Any]:
    """The type and the field that a setting describes."""
    kinds: dict[str, Any] = {"int": Whole, "float": Number, "bool": bool, "str": str}
    limits = {"ge": setting.least, "gt": setting.above, "le": setting.most, "lt": setting.below}
    kind = choice(setting.choices) if setting.choices else kinds[setting.kind]
    return kind, Field(setting.default, description=setting.help, **limits)  # type: ignore[call-overload]


# Fields that several requests have

ON_UNKNOWN_FIELD = (
    choice(ON_UNKNOWN),
    Field("error", description="what to do with characters that the vocabulary lacks"),
)


def model_field(ids: Collection[str]) -> tuple[Any, Any]:
    return choice(ids) | None, Field(None, description="the name of a model; by default the first that is served")


class TextBody(Body):
    """A request about a text."""

    model: str | None
    text: str
    on_unknown: str


def text_body(
    title: str, model: tuple[Any, Any], kind: Any, words: str, default: Any = ..., base: type[TextBody] = TextBody
) -> type[TextBody]:
    """Return the body of a request about a text of this kind."""
    fields: dict[str, Any] = {"text": (kind, Field(default, description=words)), "on_unknown": ON_UNKNOWN_FIELD}
    return create_model(title, __base__=base, model=model, **fields)


# Errors

TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
}
BOUNDS = {
    "greater_than_equal": ("ge", "small: it must be at least"),
    "greater_than": ("gt", "small: it must be above"),
    "less_than_equal": ("le", "large: it may be at most"),
    "less_than": ("lt", "large: it must be below"),
}


def _translated(error: ErrorDetails, fields: Mapping[str, FieldInfo], inside: str) -> ApiError:
    """An error of pydantic in the words of this API."""
    kind, shown = error["type"], _shown(error["input"])
    if not error["loc"]:
        return ApiError(400, f"the request's body must be a JSON object, not {shown}")
    field = str(error["loc"][0])
    if kind == "missing":
        problem = f"is missing: {fields[field].description}"
    elif kind in BOUNDS:
        limit, words = BOUNDS[kind]
        problem = f"{shown} is too {words} {error['ctx'][limit]:,g}"
    else:
        problem = f"must be {TYPES[kind]}, not {shown}"
    return ApiError(400, f"{inside}{field} {problem}", inside + field)


def _shown(value: Any) -> str:
    """A value in a message, shortened."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
