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
    from charrnn.serving.api.requests import TextBody


def operations(service: Service) -> list[Operation]:
    models = service.models

    async def list_models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_described(served) for served in service.models]})

    async def get_model(request: Request) -> Response:
        return JSONResponse(_described(models.get(request.path_params["id"])))

    async def score(request: Request, body: TextBody) -> Response:
        served = models.get(body.model or models.ids[0])
        return await service.compute(request, lambda: JSONResponse(_score(served, body.text, body.on_unknown)))

    return [
        Operation("GET", "/v1/models", "listModels", "List the served models.", list_models, "All models."),
        Operation("GET", "/v1/models/{id}", "getModel", "Describe one model.", get_model, "The model."),
        Operation("POST", "/v1/score", "createScore", "Return the surprise at each character of a text, from the zero "
                  "state.", score, "The score."),
    ]  # fmt: skip


def _described(served: Served) -> dict[str, Any]:
    return {"id": served.id, "object": "model", "created": served.created, "owned_by": "charrnn"}


def _score(served: Served, text: str, on_unknown: str) -> dict[str, Any]:
    model = served.model
    with characters_of("text"):
        known = model.vocabulary.decode(model.vocabulary.encode(text, on_unknown))
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
