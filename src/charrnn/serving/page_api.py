"""Routes of the page: its files, what is known of each run, and the insides of a model over a text.

Only the files in FILES are served, and of runs only what `app.state.models` names. Whatever computes runs in a thread,
so that nobody's stream waits for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import Any
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from charrnn.errors import UnknownCharacterError
from charrnn.inspection.units import activation, find_units, inspect_text
from charrnn.language_model import LanguageModel
from charrnn.serving.bodies import read_json
from charrnn.serving.errors import ApiError, shutting_down, unknown_character
from charrnn.serving.fields import Field, check_fields
from charrnn.serving.models import Served
from charrnn.serving.page_openapi import ACTIVATIONS_FIELDS, INSPECT_FIELDS, UNITS_FIELDS, openapi_paths
from charrnn.serving.run_records import describe, metrics, samples
from charrnn.serving.state import State

__all__ = ["openapi_paths", "routes"]

KINDS = {"css": "text/css", "html": "text/html", "js": "text/javascript"}
MODULES = ("api", "app", "colour", "curve", "read", "settings", "store", "strip", "text", "training", "write")
FILES = ("style.css", *(f"{name}.js" for name in MODULES))
OWN_SAMPLES, OWN_LENGTH, OWN_TEMPERATURE = 8, 2_000, 0.8  # what a model writes so that its units can be found in it

Body = dict[str, Any]


@cache
def page_file(name: str) -> tuple[bytes, str]:
    """A file of the page, and its ETag."""
    content = resources.files("charrnn.serving").joinpath("page", name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _answer_file(request: Request, name: str) -> Response:
    """The file; or 304 where the browser has it. It asks each time, so that no two versions are ever mixed."""
    content, tag = page_file(name)
    headers = {"etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=KINDS[name.rsplit(".", 1)[1]])


async def index(request: Request) -> Response:
    """`GET /`."""
    return _answer_file(request, "index.html")


async def static(request: Request) -> Response:
    """`GET /static/{file}`."""
    name = request.path_params["file"]
    if name not in FILES:
        raise ApiError(404, "there is nothing at this address", code="not_found")
    return _answer_file(request, name)


async def runs(request: Request) -> Response:
    """`GET /api/runs`."""
    state: State = request.app.state.serving
    found = await state.quickly(lambda: [describe(served, state.limits) for served in state.models])
    return JSONResponse({"runs": found})


def of_run(read: Callable[[Served], Body]) -> Callable[[Request], Awaitable[Response]]:
    """A route that tells something of one run."""

    async def route(request: Request) -> Response:
        state: State = request.app.state.serving
        served = state.models.get(request.path_params["id"])
        return await state.quickly(lambda: JSONResponse(read(served)))

    return route


def over_text(
    fields: dict[str, Field], compute: Callable[[LanguageModel, Body], Body]
) -> Callable[[Request], Awaitable[Response]]:
    """A route that runs a model over a text."""

    async def route(request: Request) -> Response:
        state: State = request.app.state.serving
        if state.closing:
            raise shutting_down()
        values = check_fields(fields, await read_json(request, state.limits.max_body))
        if len(values["text"]) > state.limits.max_text:
            raise ApiError(400, f"text has more than {state.limits.max_text:,} characters", "text", "too_long")
        served = state.models.get(values["model"])
        model = await state.quickly(lambda: served.model)

        def answer() -> Response:
            try:
                return JSONResponse(compute(model, values))
            except UnknownCharacterError as error:
                raise unknown_character(error, "text") from None

        return await state.compute(request, answer)

    return route


def _inspect(model: LanguageModel, asked: Body) -> Body:
    seen = inspect_text(model, asked["text"], on_unknown=asked["on_unknown"])
    score = seen.score if len(seen.text) > 1 else None
    return {
        "text": seen.text,
        "nats": [None if nats is None else _rounded(nats) for nats in seen.nats],
        "ranks": seen.ranks,
        "alternatives": [[[a.character, _rounded(a.probability)] for a in place] for place in seen.alternatives],
        "characters": score.characters if score else 0,
        "nats_per_char": score.nats_per_char if score else None,
        "bits_per_char": score.bits_per_char if score else None,
        "perplexity": score.perplexity if score else None,
    }


_own_units: WeakKeyDictionary[LanguageModel, Body] = WeakKeyDictionary()


def _units(model: LanguageModel, asked: Body) -> Body:
    """Without a text: found in what the model writes itself, which is the same every time, and kept."""
    if asked["text"]:
        return _found(model, asked["text"], asked["on_unknown"], own=False)
    if model not in _own_units:
        texts = model.generate_many(OWN_SAMPLES, length=OWN_LENGTH, temperature=OWN_TEMPERATURE, seed=1)
        _own_units[model] = _found(model, (2 * model.default_prompt()).join(texts), "error", own=True)
    return _own_units[model]


def _found(model: LanguageModel, text: str, on_unknown: str, own: bool) -> Body:
    units = [
        {"layer": u.layer, "unit": u.unit, "feature": u.feature, "correlation": _rounded(u.correlation)}
        for u in find_units(model, text, on_unknown)
    ]
    return {"own": own, "characters": len(text), "units": units}


def _activations(model: LanguageModel, asked: Body) -> Body:
    config = model.network.config
    for name, count in (("layer", config.num_layers), ("unit", config.hidden_size)):
        if asked[name] >= count:
            raise ApiError(400, f"{name} {asked[name]} does not exist: there are 0 to {count - 1}", name)
    text = model.vocabulary.decode(model.vocabulary.encode(asked["text"], asked["on_unknown"]))
    values = activation(model, text, asked["layer"], asked["unit"])
    return {
        "text": text,
        "layer": asked["layer"],
        "unit": asked["unit"],
        "values": [round(float(value), 3) for value in values],
    }


def _rounded(value: float) -> float:
    """Six significant digits: enough for any eye, and half the bytes."""
    return float(f"{value:.6g}")


routes: list[BaseRoute] = [
    Route("/", index, methods=["GET"]),
    Route("/static/{file}", static, methods=["GET"]),
    Route("/api/runs", runs, methods=["GET"]),
    Route("/api/runs/{id}/metrics", of_run(metrics), methods=["GET"]),
    Route("/api/runs/{id}/samples", of_run(samples), methods=["GET"]),
    Route("/api/inspect", over_text(INSPECT_FIELDS, _inspect), methods=["POST"]),
    Route("/api/units", over_text(UNITS_FIELDS, _units), methods=["POST"]),
    Route("/api/activations", over_text(ACTIVATIONS_FIELDS, _activations), methods=["POST"]),
]
