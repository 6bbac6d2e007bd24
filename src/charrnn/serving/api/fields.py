"""Requests as pydantic models: the types of their fields, and pydantic's errors in the words of this API.

Types are strict: "1" is no number and `true` no integer, but 1.0 is one, since JSON does not distinguish it from 1.
`null` means that a field is left out. A field that the model lacks is an error with a suggestion.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    InstanceOf,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails

from charrnn.serving.http.errors import ApiError
from charrnn.settings import Setting, nearest
from charrnn.text.vocabulary import ON_UNKNOWN

NULL = {"type": "null"}
NO_USE = (UNSUPPORTED, IGNORED) = ("not supported", "ignored")  # descriptions of fields that only other servers have


class Body(BaseModel):
    """The body of a request, or an object inside it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    inside: ClassVar[str] = ""  # the field that holds this object

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        """Refuse unknown fields, and leave out those that are null."""
        if not isinstance(values, dict):
            whole = f"{cls.inside} must be an object" if cls.inside else "the request's body must be a JSON object"
            raise ApiError(400, f"{whole}, not {_shown(values)}", cls.inside or None)
        for name in values:
            if name not in cls.model_fields:
                place = f"{cls.inside}.{name[:60]}" if cls.inside else name[:60]
                useful = [known for known, field in cls.model_fields.items() if field.description not in NO_USE]
                raise ApiError(400, f"no field is called {name[:60]!r}{nearest(name[:60], useful)}", place)
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Let each optional field be null, too."""
        described = handler.resolve_ref_schema(handler(schema))
        for name, field in described["properties"].items():
            if name not in described.get("required", ()):
                outer = {key: field.pop(key) for key in ("default", "description") if field.get(key) is not None}
                field.pop("default", None)
                choices = [each for each in field.pop("anyOf", [dict(field)]) if each != NULL]
                field.clear()
                field |= {"anyOf": [*choices, NULL], **outer}
        return described


B = TypeVar("B", bound=Body)


def check(model: type[B], values: Any) -> B:
    """Return the checked body of a request.

    Raises
    ------
    ApiError
        400: a field is unknown, missing, of the wrong type or out of range.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _translated(error.errors(include_url=False)[0], model.model_fields) from None


# Types


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _representable(value: Any) -> Any:
    """Replace an integer too large for a float by the largest float, which is out of range as well."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-sys.float_info.max, min(value, sys.float_info.max))
    return value


WHOLE = BeforeValidator(_whole)
Whole = Annotated[int, WHOLE]
Number = Annotated[float, BeforeValidator(_representable)]
# Any string of Python: pydantic's own type refuses half a surrogate pair, which JSON can hold. Put limits of its length
# into an Annotated type: pydantic ignores those of a default value.
Text = InstanceOf[str]


def texts(fewest: int, most: int, min_length: int, max_length: int, alone: int | None = None) -> Any:
    """A string, or a list of `fewest` to `most`; the value is a list.

    A string that is in no list has at least `alone` characters.
    """

    def counted(value: list[str], info: ValidationInfo) -> list[str]:
        if not fewest <= len(value) <= most:
            problem = f"has {len(value)} strings: it must have {fewest} to {most:,}"
            raise ApiError(400, f"{info.field_name} {problem}", info.field_name)
        return value

    def as_list(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str) and alone is not None and len(value) < alone:
            problem = f"{info.field_name} is too short: it must have at least {alone} characters"
            raise ApiError(400, problem, info.field_name)
        return [value] if isinstance(value, str) else value

    one = {"type": "string", "minLength": min_length, "maxLength": max_length}
    many = {"type": "array", "items": one, "minItems": fewest, "maxItems": most}
    schema = {"anyOf": [one if alone is None else {**one, "minLength": alone}, many]}
    item: Any = Annotated[Text, Field(min_length=min_length, max_length=max_length)]
    return Annotated[list[item], BeforeValidator(as_list), AfterValidator(counted), WithJsonSchema(schema)]


def unsupported(*values: Any) -> tuple[Any, Any]:
    """A field that other servers have: only the values that change nothing are accepted."""

    def unchanged(given: Any, info: ValidationInfo) -> Any:
        if not any(given == value and isinstance(given, bool) == isinstance(value, bool) for value in values):
            accepted = " or ".join(map(json.dumps, values))
            problem = f"is not supported here: leave it out (only {accepted} is accepted)"
            raise ApiError(400, f"{info.field_name} {problem}", info.field_name)
        return given

    kind = Annotated[Any, AfterValidator(unchanged), WithJsonSchema({"enum": list(values)})]
    return kind, Field(None, description=UNSUPPORTED)


def ignored(kind: Any) -> tuple[Any, Any]:
    """A field that other servers have, and that changes nothing here, whatever its value."""
    return kind | None, Field(None, description=IGNORED)


def choice(names: Collection[str]) -> Any:
    return Literal[tuple(names)]


# Fields


def of_setting(setting: Setting) -> tuple[Any, Any]:
    """The type and the field that a setting describes."""
    kinds: dict[str, Any] = {"int": Whole, "float": Number, "bool": bool, "str": Text}
    limits = {"ge": setting.least, "gt": setting.above, "le": setting.most, "lt": setting.below}
    kind = choice(setting.choices) if setting.choices else kinds[setting.kind]
    return kind, Field(setting.default, description=setting.help, **limits)  # type: ignore[call-overload]


def model_field(ids: Collection[str]) -> tuple[Any, Any]:
    return choice(ids) | None, Field(None, description="the name of a model; by default the first that is served")


UNKNOWN_FIELD = choice(ON_UNKNOWN), Field("error", description="what to do with characters that the vocabulary lacks")


# Errors

BOUNDS = {
    "greater_than_equal": ("ge", "small: it must be at least"),
    "greater_than": ("gt", "small: it must be above"),
    "less_than_equal": ("le", "large: it may be at most"),
    "less_than": ("lt", "large: it must be below"),
}
TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "is_instance_of": "a string",
    "list_type": "a string or a list of strings",
    "dict_type": "an object",
}


def _translated(error: ErrorDetails, fields: Mapping[str, FieldInfo]) -> ApiError:
    """An error of pydantic in the words of this API."""
    kind, value, limits, place = error["type"], error["input"], error.get("ctx", {}), error["loc"]
    name, shown, status, code = str(place[0]), _shown(value), 400, None
    path = ".".join(each for each in place if isinstance(each, str))
    if kind == "missing":
        problem = f"is missing: {fields[name].description}"
    elif kind in BOUNDS:
        limit, words = BOUNDS[kind]
        problem = f"{shown} is too {words} {limits[limit]:,g}"
    elif kind == "too_long":
        problem, code = f"has {len(value):,} characters: at most {limits['max_length']:,} are accepted", "too_long"
    elif kind == "too_short":
        problem = f"is too short: it must have at least {limits['min_length']} characters"
    elif kind in ("literal_error", "string_unicode") and isinstance(value, str):
        status, code = (404, "model_not_found") if name == "model" else (400, None)
        problem = f"{shown} is not known{nearest(value[:60], _choices(fields[name].annotation))}"
    elif len(place) == 2 and kind == "is_instance_of":  # a part of a list
        problem = f"must be {TYPES['list_type']}, not a list"
    else:
        problem = f"must be {TYPES.get(kind, 'a string')}, not {shown}"
    return ApiError(status, f"{path} {problem}", path, code)


def _choices(kind: Any) -> list[str]:
    """The strings that a type allows, optional or not."""
    return [name for each in get_args(kind) for name in ([each] if isinstance(each, str) else _choices(each))]


def _shown(value: Any) -> str:
    """A value in a message, shortened."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
