"""The OpenAPI document: the operations with the types of their requests and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from charrnn.serving.api.answers import ANSWERS, Error
from charrnn.serving.api.fields import Body
from charrnn.serving.api.operations import Operation
from charrnn.version import __version__

Schema = dict[str, Any]
ERRORS = {
    400: "The request cannot be understood, or a value is out of range.",
    401: "The API key is missing or wrong.",
    403: "The request comes from a page of another site, or addresses the server under a foreign name.",
    404: "No such model.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    429: "Too many requests: Retry-After says when to try again.",
    500: "An error inside the server.",
    503: "The server is shutting down or too busy, or the model has not been saved.",
}


class _Schemas(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def openapi_document(
    operations: Sequence[Operation], bodies: Mapping[str, type[Body]], example_id: str, with_key: bool
) -> Schema:
    """Return the OpenAPI document of these operations."""
    types: dict[tuple[str, str], Any] = {("", "error"): Error}
    types |= {(id, "body"): body for id, body in bodies.items()}
    types |= {(each.id, kind): answer for each in operations for kind, answer in ANSWERS[each.id].items()}
    found, definitions = TypeAdapter.json_schemas(
        [(key, "validation", TypeAdapter(kind)) for key, kind in types.items()],
        ref_template="#/components/schemas/{model}", schema_generator=_Schemas,
    )  # fmt: skip
    schemas = {key: found[key, "validation"] for key in types}
    paths: Schema = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas, example_id)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "charrnn", "version": __version__, "license": {"name": "MIT", "identifier": "MIT"}},
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {})},
    }
    if with_key:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "password": {"type": "http", "scheme": "basic", "description": "The key as the password of any user."},
        }
        document["security"] = [{"bearer": []}, {"password": []}]
    return document


def _operation(each: Operation, schemas: Mapping[tuple[str, str], Schema], example_id: str) -> Schema:
    error = {"application/json": {"schema": schemas["", "error"]}}
    content = {kind: {"schema": schemas[each.id, kind]} for kind in ANSWERS[each.id]}
    found: Schema = {
        "operationId": each.id,
        "summary": each.summary,
        "responses": {
            "200": {"description": each.answer, "content": content},
            **{str(status): {"description": ERRORS[status], "content": error} for status in each.statuses()},
        },
    }
    if each.has_body:
        schema = {"schema": schemas[each.id, "body"]}
        found["requestBody"] = {"required": True, "content": {"application/json": schema}}
    if "{id}" in each.path:
        name = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": example_id}
        found["parameters"] = [name]
    if not each.needs_key:
        found["security"] = []
    return found
