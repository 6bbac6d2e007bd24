"""The description of the whole API, which the tests hold the server to. Requests are described by what checks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charrnn.serving.fields import Field, object_schema
from charrnn.serving.limits import Limits
from charrnn.serving.openai_api import completion_fields
from charrnn.serving.service_api import score_fields
from charrnn.version import __version__

Schema = dict[str, Any]

ERRORS = {
    400: "The request cannot be understood, or a value is out of range.",
    401: "The API key is missing or wrong.",
    403: "The request comes from a page of another site, or under a name that is not this server's.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    429: "Too many requests: Retry-After says when to try again.",
    500: "An error inside the server.",
    503: "The server is shutting down, has no time for this now, or the model has not been saved.",
}
ALWAYS = (401, 403, 429, 500)
WITH_BODY = (*ALWAYS, 400, 404, 408, 413, 415, 503)


def api_description(ids: list[str], limits: Limits, others: Mapping[str, Any], with_key: bool) -> Schema:
    """The OpenAPI document of a server of some models. `others` are the paths of the page's API."""
    paths: dict[str, Any] = {
        "/v1/completions": {
            "post": {
                "operationId": "createCompletion",
                "summary": "Write what follows a prompt. One token is one character.",
                "requestBody": body(completion_fields(ids, limits)),
                "responses": answers(
                    "The text; with stream, server-sent events, each with a part of it, then [DONE].",
                    {"application/json": reference("Completion"), "text/event-stream": EVENT},
                    WITH_BODY,
                ),
            }
        },
        "/v1/models": {
            "get": {
                "operationId": "listModels",
                "summary": "The models that are served.",
                "responses": answers("All models.", {"application/json": reference("ModelList")}, ALWAYS),
            }
        },
        "/v1/models/{id}": {
            "get": {
                "operationId": "getModel",
                "summary": "One model.",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": ids[0]}
                ],
                "responses": answers("The model.", {"application/json": reference("Model")}, (*ALWAYS, 404)),
            }
        },
        "/v1/score": {
            "post": {
                "operationId": "createScore",
                "summary": "The surprise of a model at a text; the state starts at zero.",
                "requestBody": body(score_fields(ids, limits)),
                "responses": answers("The score.", {"application/json": reference("Score")}, WITH_BODY),
            }
        },
        "/healthz": {
            "get": {
                "operationId": "getHealth",
                "summary": "Whether requests are accepted. Needs no key.",
                "security": [],
                "responses": answers("They are.", {"application/json": reference("Health")}, (403, 429, 500, 503)),
            }
        },
        "/metrics": {
            "get": {
                "operationId": "getMetrics",
                "summary": "Counters in Prometheus' text format.",
                "responses": answers("The counters.", {"text/plain": {"type": "string"}}, ALWAYS),
            }
        },
        "/openapi.json": {
            "get": {
                "operationId": "getDescription",
                "summary": "This document.",
                "responses": answers("OpenAPI 3.1.", {"application/json": {"type": "object"}}, ALWAYS),
            }
        },
        **others,
    }
    components: Schema = {"schemas": SCHEMAS}
    document: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "charrnn", "version": __version__, "license": {"name": "MIT", "identifier": "MIT"}},
        "paths": paths,
        "components": components,
    }
    if with_key:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "password": {"type": "http", "scheme": "basic", "description": "The key as the password of any user."},
        }
        document["security"] = [{"bearer": []}, {"password": []}]
    return document


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def body(fields: Mapping[str, Field]) -> Schema:
    """A required JSON body of these fields."""
    return {"required": True, "content": {"application/json": {"schema": object_schema(fields)}}}


def answers(description: str, content: Mapping[str, Schema], errors: Sequence[int]) -> Schema:
    """What is answered: 200 with one of some contents, or one of some errors."""
    responses: Schema = {
        "200": {"description": description, "content": {kind: {"schema": schema} for kind, schema in content.items()}}
    }
    for status in sorted(errors):
        responses[str(status)] = {
            "description": ERRORS[status],
            "content": {"application/json": {"schema": reference("Error")}},
        }
    return responses


def record(properties: Mapping[str, Schema], optional: Sequence[str] = ()) -> Schema:
    """An object whose properties are all there, except for the optional ones, and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


EVENT: Schema = {  # of a stream, as it is read from its lines
    "type": "object",
    "properties": {
        "event": {"const": "message"},
        "data": {"type": "string", "description": "a Completion with a part of a text, or an Error, or [DONE]"},
    },
    "required": ["data"],
}

SCHEMAS: dict[str, Schema] = {
    "Error": record(
        {"error": record({"message": TEXT, "type": TEXT, "param": maybe(TEXT), "code": maybe(TEXT)})},
    ),
    "Model": record({"id": TEXT, "object": {"const": "model"}, "created": WHOLE, "owned_by": TEXT}),
    "ModelList": record({"object": {"const": "list"}, "data": many(reference("Model"))}),
    "Health": record({"status": {"const": "ok"}, "models": many(TEXT)}),
    "Score": record(
        {
            "object": {"const": "score"},
            "model": TEXT,
            "characters": WHOLE,
            "nats_per_char": NUMBER,
            "bits_per_char": NUMBER,
            "perplexity": NUMBER,
            "per_char": {**many(NUMBER), "description": "nats at each character after the first"},
        }
    ),
    "Logprobs": record(
        {
            "tokens": many(TEXT),
            "token_logprobs": many(maybe(NUMBER)),
            "top_logprobs": many(maybe({"type": "object", "additionalProperties": NUMBER})),
            "text_offset": many(WHOLE),
        }
    ),
    "Choice": record(
        {
            "text": TEXT,
            "index": WHOLE,
            "logprobs": maybe(reference("Logprobs")),
            "finish_reason": {"enum": ["stop", "length"]},
            "kept": {
                **many(maybe(WHOLE)),
                "description": "with logprobs: how many characters the filters left to draw from at each place",
            },
        },
        optional=["kept"],
    ),
    "Completion": record(
        {
            "id": TEXT,
            "object": {"const": "text_completion"},
            "created": WHOLE,
            "model": TEXT,
            "seed": {**WHOLE, "description": "with it, the same request gives the same texts again"},
            "choices": many(reference("Choice")),
            "usage": record({"prompt_tokens": WHOLE, "completion_tokens": WHOLE, "total_tokens": WHOLE}),
        }
    ),
}
