"""`/v1/models` and `/v1/score`: the served models, and the surprise of one at a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from charrnn.serving.api.errors import characters_of
from charrnn.serving.api.operations import Operation
from charrnn.serving.models import Served
from charrnn.serving.service import Service

if TYPE_CHECKING:
    from charrnn.serving.api.requests import ScoreBody


def operations(service: Service) -> list[Operation]:
    models = service.models

    async def list_models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_described(served) for served in service.models]})

    async def get_model(request: Request) -> Response:
        return JSONResponse(_described(models.get(request.path_params["id"])))

    async def score(request: Request, body: ScoreBody) -> Response:
        body.check_size(service.limits)
        served, answer = models.get(body.model or models.ids[0]), _scores if body.is_list else _score
        return await service.compute(request, lambda: JSONResponse(answer(served, body)))

    return [
        Operation("GET", "/v1/models", "listModels", "List the served models.", list_models, "All models."),
        Operation("GET", "/v1/models/{id}", "getModel", "Describe one model.", get_model, "The model."),
        Operation("POST", "/v1/score", "createScore", "Return the surprise at each character of a text, from the zero "
                  "state; or at each document of a list.", score, "The score, or the scores in order."),
    ]  # fmt: skip


def _described(served: Served) -> dict[str, Any]:
    return {"id": served.id, "object": "model", "created": served.created, "owned_by": "charrnn"}


def _score(served: Served, body: ScoreBody) -> dict[str, Any]:
    model = served.model
    body.check_labels(model)
    with characters_of("text"):
        known = model.vocabulary.decode(model.vocabulary.encode(body.text[0], body.on_unknown))
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


def _scores(served: Served, body: ScoreBody) -> dict[str, Any]:
    model = served.model
    body.check_labels(model)
    for index, text in enumerate(body.text):
        with characters_of(f"text.{index}"):
            model.vocabulary.encode(text, body.on_unknown)
    return {
        "object": "list",
        "model": served.id,
        "data": [
            {
                "index": index,
                "nats": score.nats,
                "nats_per_char": score.nats_per_char,
                "characters": len(score.per_char),
                "percentile": score.percentile,
            }
            for index, score in enumerate(model.score_stream(body.text, body.on_unknown))
        ],
    }
