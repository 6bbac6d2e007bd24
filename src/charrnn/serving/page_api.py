"""Routes of the page: its files, what is known of each run, and the insides of a model over a text.

Only the files in FILES are served, and of runs only what `app.state.models` names. Whatever computes runs in a thread,
so that nobody's stream waits for it. The routes are described for the OpenAPI document in `page_openapi`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from charrnn.errors import CharRNNError
from charrnn.language_model import LanguageModel
from charrnn.serving.errors import ApiError, as_api_error
from charrnn.serving.inspection import activation, find_units, inspect_text
from charrnn.serving.models import Served
from charrnn.serving.run_records import describe, metrics, samples

KINDS = {"css": "text/css", "html": "text/html", "js": "text/javascript"}
MODULES = "api app colour curve read settings store strip text training write"
FILES = ("index.html", "style.css", *(f"{name}.js" for name in MODULES.split()))
MAX_TEXT = 20_000  # characters to look into at a time: their activations fit into memory many times over
OWN_SAMPLES, OWN_LENGTH = 8, 2_000  # what a model writes so that its units can be found in it

Body = dict[str, Any]


@cache
def page_file(name: str) -> tuple[bytes, str]:
    """A file of the page, and its ETag."""
    content = resources.files("charrnn.serving").joinpath("page", name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _file_response(request: Request, name: str) -> Response:
    """The file; or 304 where the browser has it. It asks each time, so that a new version is never half loaded."""
    content, tag = page_file(name)
    headers = {"etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    kind = KINDS[name.rsplit(".", 1)[1]]
    return Response(content, headers=headers, media_type=kind)


async def index(request: Request) -> Response:
    return _file_response(request, "index.html")


async def static(request: Request) -> Response:
    name = request.path_params["file"]
    if name not in FILES or name == "index.html":
        raise ApiError(404, "there is nothing at this address", code="not_found")
    return _file_response(request, name)


async def runs(request: Request) -> Response:
    models = request.app.state.models
    found = await run_in_threadpool(lambda: [describe(models.get(id)) for id in models.ids])
    return JSONResponse({"runs": found}, headers=FRESH)


def of_run(read: Callable[[Served], Body]) -> Callable[[Request], Awaitable[Response]]:
    """A route that tells something of one run."""

    async def route(request: Request) -> Response:
        served = request.app.state.models.get(request.path_params["id"])
        return JSONResponse(await run_in_threadpool(read, served), headers=FRESH)

    return route


def over_text(compute: Callable[[LanguageModel, str, Body], Body]) -> Callable[[Request], Awaitable[Response]]:
    """A route that runs a model over a text: checks what every such request has, and computes in a thread."""

    async def route(request: Request) -> Response:
        body = await _read_body(request)
        served = request.app.state.models.get(_field(body, "model", str))
        text = _field(body, "text", str)
        if len(text) > MAX_TEXT:
            raise ApiError(400, f"text has {len(text):,} characters: at most {MAX_TEXT:,} can be looked into", "text")
        if body.get("on_unknown", "error") not in ("error", "skip"):
            raise ApiError(400, "on_unknown must be 'error' or 'skip'", "on_unknown")
        try:
            return JSONResponse(await run_in_threadpool(lambda: compute(served.model, text, body)), headers=FRESH)
        except CharRNNError as error:
            told = as_api_error(error)
            raise ApiError(400, told.message, "text", type(error).__name__) from None

    return route


def _inspect(model: LanguageModel, text: str, body: Body) -> Body:
    seen = inspect_text(model, text, on_unknown=body.get("on_unknown", "error"))
    score = seen.score if len(seen.text) > 1 else None
    return {
        "text": seen.text,
        "nats": [_rounded(nats) for nats in seen.nats],
        "ranks": seen.ranks,
        "alternatives": [[[a.character, _rounded(a.probability)] for a in place] for place in seen.alternatives],
        "characters": score.characters if score else 0,
        "nats_per_char": score.nats_per_char if score else None,
        "bits_per_char": score.bits_per_char if score else None,
        "perplexity": score.perplexity if score else None,
    }


def _units(model: LanguageModel, text: str, body: Body) -> Body:
    """Without a text: found in what the model writes itself."""
    own = not text
    if own:
        text = _own_writing(model)
    units = find_units(model, text, on_unknown=body.get("on_unknown", "error"))
    return {
        "own": own,
        "characters": len(text),
        "units": [
            {"layer": u.layer, "unit": u.unit, "feature": u.feature, "correlation": _rounded(u.correlation)}
            for u in units
        ],
    }


def _own_writing(model: LanguageModel) -> str:
    """Several samples, not too wild, one after the other: the same for the same model."""
    texts = model.generate_many(OWN_SAMPLES, length=OWN_LENGTH, temperature=0.8, seed=1)
    return (2 * model.default_prompt()).join(texts)


def _activations(model: LanguageModel, text: str, body: Body) -> Body:
    config = model.model.config
    layer = _index(body, "layer", config.num_layers)
    unit = _index(body, "unit", config.hidden_size)
    on_unknown = body.get("on_unknown", "error")
    values = activation(model, text, layer, unit, on_unknown)
    ids = model.vocabulary.encode(text, on_unknown)
    return {
        "text": model.vocabulary.decode(ids),
        "layer": layer,
        "unit": unit,
        "values": [round(float(value), 3) for value in values],
    }


FRESH = {"cache-control": "no-store"}


def _rounded(value: float | None) -> float | None:
    """Six significant digits: enough for any eye, and half the bytes."""
    return None if value is None else float(f"{value:.6g}")


async def _read_body(request: Request) -> Body:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "the body must be JSON: send it with Content-Type: application/json")
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be a JSON object")
    return body


def _field(body: Body, name: str, kind: type) -> Any:
    value = body.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        words = {str: "text", int: "a whole number"}[kind]
        raise ApiError(400, f"{name} must be {words}", name)
    return value


def _index(body: Body, name: str, count: int) -> int:
    value = _field(body, name, int)
    if not 0 <= value < count:
        raise ApiError(400, f"{name} {value} does not exist: there are 0 to {count - 1}", name)
    return int(value)


routes: list[BaseRoute] = [
    Route("/", index),
    Route("/static/{file}", static),
    Route("/api/runs", runs),
    Route("/api/runs/{id}/metrics", of_run(metrics)),
    Route("/api/runs/{id}/samples", of_run(samples)),
    Route("/api/inspect", over_text(_inspect), methods=["POST"]),
    Route("/api/units", over_text(_units), methods=["POST"]),
    Route("/api/activations", over_text(_activations), methods=["POST"]),
]
