"""What the page's own API accepts and answers: the fields of its requests, and its part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from charrnn.inspection.units import LEAST
from charrnn.serving.fields import Field
from charrnn.serving.openapi import ALWAYS, NUMBER, TEXT, WHOLE, WITH_BODY, answers, body, many, maybe, record
from charrnn.text.vocabulary import ON_UNKNOWN

MAX_TEXT = 20_000  # characters to look into at a time: their activations fit into memory many times over

_COMMON = {
    "model": Field("str", "the name of a model", required=True),
    "text": Field("str", "the text to look into", required=True, max_chars=MAX_TEXT),
    "on_unknown": Field("str", "what to do with characters that the vocabulary lacks", "error", choices=ON_UNKNOWN),
}
INSPECT_FIELDS = _COMMON
UNITS_FIELDS = {
    **_COMMON,
    "text": Field(
        "str",
        f"the text to find units in, at least {LEAST} characters; empty: what the model writes itself",
        "",
        max_chars=MAX_TEXT,
    ),
}
ACTIVATIONS_FIELDS = {
    **_COMMON,
    "layer": Field("int", "the layer, from 0", required=True, least=0),
    "unit": Field("int", "the unit in it, from 0", required=True, least=0),
}

_RUN = record(
    {
        "id": TEXT,
        "cell": maybe(TEXT),
        "num_layers": maybe(WHOLE),
        "hidden_size": maybe(WHOLE),
        "parameters": maybe(WHOLE),
        "vocabulary": {**maybe(TEXT), "description": "all characters that the model knows"},
        "text": {**maybe(TEXT), "description": "the name of the text it was trained on"},
        "step": maybe(WHOLE),
        "nats_per_char": {**maybe(NUMBER), "description": "the best loss on its validation split"},
        "begins_after": {**maybe(TEXT), "description": "what stands in for an empty prompt"},
        "bits_per_char": maybe(NUMBER),
        "split": {"const": "validation"},
        "training": {"type": "boolean", "description": "whether a process is training in its folder now"},
        "has_folder": {"type": "boolean", "description": "whether there can be a curve and samples"},
        "limits": {
            **record({"max_prompt": WHOLE, "max_length": WHOLE, "max_text": WHOLE}),
            "description": "characters of a prompt, of a text to write, and of one to look into",
        },
    }
)
_CURVE = {
    **many({"type": "array", "items": NUMBER, "minItems": 3, "maxItems": 3}),
    "description": "step, epoch, nats per character",
}
_METRICS = record(
    {
        "training": {"type": "boolean"},
        "step": maybe(WHOLE),
        "epoch": maybe(NUMBER),
        "seconds": maybe(NUMBER),
        "train": _CURVE,
        "val": _CURVE,
    }
)
_INSPECTION = record(
    {
        "text": {**TEXT, "description": "without the characters that were left out"},
        "nats": {**many(maybe(NUMBER)), "description": "the surprise at each character; null at the first"},
        "ranks": {**many(maybe(WHOLE)), "description": "1 where the likeliest character stands"},
        "alternatives": {
            **many(many({**many({"anyOf": [TEXT, NUMBER]}), "minItems": 2, "maxItems": 2})),
            "description": "in each place the likeliest characters with their probabilities",
        },
        "characters": {**WHOLE, "description": "that were scored: all after the first"},
        "nats_per_char": maybe(NUMBER),
        "bits_per_char": maybe(NUMBER),
        "perplexity": maybe(NUMBER),
    }
)
_UNITS = record(
    {
        "own": {"type": "boolean", "description": "whether they were found in what the model writes itself"},
        "characters": {**WHOLE, "description": "of the text they were found in"},
        "units": many(record({"layer": WHOLE, "unit": WHOLE, "feature": TEXT, "correlation": NUMBER})),
    }
)
_ACTIVATIONS = record(
    {
        "text": TEXT,
        "layer": WHOLE,
        "unit": WHOLE,
        "values": {**many(NUMBER), "description": "after each character, between -1 and 1"},
    }
)


def _get(operation: str, summary: str, description: str, schema: dict[str, Any], one_run: bool) -> dict[str, Any]:
    content = {"application/json": schema}
    told: dict[str, Any] = {"operationId": operation, "summary": summary}
    if one_run:
        told["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    errors = (*ALWAYS, 404) if one_run else ALWAYS
    return {"get": {**told, "responses": answers(description, content, errors)}}


def _post(
    operation: str, summary: str, description: str, fields: dict[str, Field], schema: dict[str, Any]
) -> dict[str, Any]:
    responses = answers(description, {"application/json": schema}, WITH_BODY)
    return {"post": {"operationId": operation, "summary": summary, "requestBody": body(fields), "responses": responses}}


openapi_paths: dict[str, Any] = {
    "/api/runs": _get("listRuns", "What is known of every run.", "The runs.", record({"runs": many(_RUN)}), False),
    "/api/runs/{id}/metrics": _get(
        "getMetricsOfRun", "The learning curve of a run, as far as it has come.", "The curve.", _METRICS, True
    ),
    "/api/runs/{id}/samples": _get(
        "getSamplesOfRun",
        "What a run wrote on the way.",
        "The samples, by step.",
        record({"samples": many(record({"step": WHOLE, "text": TEXT}))}),
        True,
    ),
    "/api/inspect": _post(
        "inspectText", "What a model makes of each character.", "The inspection.", INSPECT_FIELDS, _INSPECTION
    ),
    "/api/units": _post(
        "findUnits", "Hidden units by what they follow.", "The most interpretable first.", UNITS_FIELDS, _UNITS
    ),
    "/api/activations": _post(
        "getActivations", "One hidden unit over a text.", "Its values.", ACTIVATIONS_FIELDS, _ACTIVATIONS
    ),
}
