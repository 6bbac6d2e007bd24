"""`/v1/score`, and what those who run the server look at: `/healthz`, `/metrics`, `/openapi.json`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from charrnn.errors import UnknownCharacterError
from charrnn.serving.bodies import read_json
from charrnn.serving.errors import shutting_down, unknown_character
from charrnn.serving.fields import Field, check_fields
from charrnn.serving.limits import Limits
from charrnn.serving.models import Served
from charrnn.serving.state import State
from charrnn.text.vocabulary import ON_UNKNOWN


def score_fields(ids: list[str], limits: Limits) -> dict[str, Field]:
    """What `POST /v1/score` accepts."""
    return {
        "model": Field("str", "the name of a model; the first that is served by default", choices=tuple(ids)),
        "text": Field("str", "the text to score", required=True, min_chars=2, max_chars=limits.max_text),
        "on_unknown": Field("str", "what to do with characters that the vocabulary lacks", "error", choices=ON_UNKNOWN),
    }


async def score(request: Request) -> Response:
    """`POST /v1/score`."""
    state: State = request.app.state.serving
    if state.closing:
        raise shutting_down()
    values = check_fields(score_fields(state.models.ids, state.limits), await read_json(request, state.limits.max_body))
    served = state.models.get(values["model"] or state.models.ids[0])
    return await state.compute(request, lambda: JSONResponse(_score(served, values["text"], values["on_unknown"])))


def _score(served: Served, text: str, on_unknown: str) -> dict[str, Any]:
    model = served.model
    try:
        known = model.vocabulary.decode(model.vocabulary.encode(text, on_unknown))
    except UnknownCharacterError as error:
        raise unknown_character(error, "text") from None
    result = model.score(known)
    return {
        "object": "score",
        "model": served.id,
        "characters": result.characters,
        "nats_per_char": result.nats_per_char,
        "bits_per_char": result.bits_per_char,
        "perplexity": result.perplexity,
        "per_char": result.per_char.tolist(),
    }


async def healthz(request: Request) -> Response:
    """`GET /healthz`: 200 as long as requests are accepted."""
    state: State = request.app.state.serving
    if state.closing:
        raise shutting_down()
    return JSONResponse({"status": "ok", "models": state.models.ids})


async def metrics(request: Request) -> Response:
    """`GET /metrics`."""
    state: State = request.app.state.serving
    engines = state.engines()
    text = state.metrics.text(
        sum(e.characters for e in engines), sum(e.active for e in engines), sum(e.queued for e in engines)
    )
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


routes: list[BaseRoute] = [
    Route("/v1/score", score, methods=["POST"]),
    Route("/healthz", healthz, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]
