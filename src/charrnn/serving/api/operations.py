"""What an address is: its handler, and the types of its request and answer, from which the OpenAPI document follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from pydantic.json_schema import GenerateJsonSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from charrnn.serving.api.fields import Body, check
from charrnn.serving.http.exchange import read_json
from charrnn.serving.service import Service
from charrnn.version import __version__

Schema = dict[str, Any]
Count = Annotated[int, Field(ge=0)]
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


def record(title: str, /, **properties: Any) -> Any:
    """A type for a JSON object that has these properties and no others."""
    return with_config(ConfigDict(extra="forbid"))(TypedDict(title, properties))  # type: ignore[operator]


def many(kind: Any) -> Any:
    return list[kind]


def described(kind: Any, description: str) -> Any:
    """A type with a description."""
    return Annotated[kind, Field(description=description)]


ErrorFields = record("ErrorFields", message=str, type=str, param=str | None, code=str | None)
Error = record("Error", error=ErrorFields)


@dataclass(frozen=True)
class Operation:
    """A method of an address.

    Parameters
    ----------
    id, summary : str
        Its name and its purpose, in the OpenAPI document.
    run : async function
        Answers a request; takes the request and, if there is a `body`, its checked values.
    answer : str
        Describes the answer.
    returns : type
        The type of the JSON that it answers.
    body : type of Body, optional
        The JSON that the request sends.
    errors : sequence of int
        Statuses besides those that every operation of its kind may answer with.
    others : mapping
        Other content types that it may answer with, and their types.
    needs_key : bool
        Whether the server's API key is asked for.
    """

    method: str
    path: str
    id: str
    summary: str
    run: Callable[..., Awaitable[Response]]
    answer: str
    returns: Any
    body: type[Body] | None = None
    errors: Sequence[int] = ()
    others: Mapping[str, Any] = field(default_factory=dict)
    needs_key: bool = True

    def route(self, service: Service) -> Route:
        """The address with its handler."""
        run, body = self.run, self.body
        if body is None:
            return Route(self.path, run, methods=[self.method])

        async def read_and_run(request: Request) -> Response:
            service.check_open()
            return await run(request, check(body, await read_json(request, service.limits.max_body)))

        return Route(self.path, read_and_run, methods=[self.method])

    @property
    def content(self) -> dict[str, Any]:
        """Every content type, with its type."""
        return {**({} if self.returns is None else {"application/json": self.returns}), **self.others}

    def statuses(self) -> list[int]:
        """The errors that it may answer with, in order."""
        found = {403, 429, 500, *self.errors}
        if self.needs_key:
            found.add(401)
        if self.body is not None:
            found |= {400, 404, 408, 413, 415, 503}
        if "{id}" in self.path:
            found.add(404)
        return sorted(found)


class _Schemas(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def openapi_document(operations: Sequence[Operation], example_id: str, with_key: bool) -> Schema:
    """The OpenAPI document of these operations."""
    types: dict[tuple[str, str], Any] = {("", "error"): Error}
    for each in operations:
        if each.body is not None:
            types[each.id, "body"] = each.body
        types |= {(each.id, kind): answer for kind, answer in each.content.items()}
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
    content = {kind: {"schema": schemas[each.id, kind]} for kind in each.content}
    found: Schema = {
        "operationId": each.id,
        "summary": each.summary,
        "responses": {
            "200": {"description": each.answer, "content": content},
            **{str(status): {"description": ERRORS[status], "content": error} for status in each.statuses()},
        },
    }
    if each.body is not None:
        schema = {"schema": schemas[each.id, "body"]}
        found["requestBody"] = {"required": True, "content": {"application/json": schema}}
    if "{id}" in each.path:
        name = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": example_id}
        found["parameters"] = [name]
    if not each.needs_key:
        found["security"] = []
    return found
