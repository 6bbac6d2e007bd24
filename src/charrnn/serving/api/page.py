"""The addresses that the page asks for: its sliders, the runs, and a look inside a model over a text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from charrnn.generation.filters import sampling_settings
from charrnn.inspection import activation, find_units, inspect_text
from charrnn.language_model import LanguageModel
from charrnn.serving.api.errors import characters_of
from charrnn.serving.api.operations import Operation
from charrnn.serving.api.run_records import describe, learning_curve, samples
from charrnn.serving.http.errors import ApiError
from charrnn.serving.models import Served
from charrnn.serving.service import Service

if TYPE_CHECKING:
    from charrnn.serving.api.requests import ActivationsBody, TextBody

OWN_SAMPLES, OWN_LENGTH, OWN_TEMPERATURE = 8, 2_000, 0.8  # the text that a model writes, to find its units in it
OWN_LABELS = 20  # with more, each of which reads the documents, these are fewer


Answer = dict[str, Any]


def operations(service: Service) -> list[Operation]:
    async def list_settings(request: Request) -> Response:
        return JSONResponse({"settings": sliders()})

    async def list_runs(request: Request) -> Response:
        runs = await service.read(lambda: [describe(served, service.limits) for served in service.models])
        return JSONResponse({"runs": runs})

    def of_run(read: Callable[[Served], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            served = service.models.get(request.path_params["id"])
            return await service.read(lambda: JSONResponse(read(served)))

        return run

    def over_text(compute: Callable[[LanguageModel, Any], Any]) -> Callable[[Request, TextBody], Awaitable[Response]]:
        async def run(request: Request, body: Any) -> Response:
            served = service.models.get(body.model)
            model = await service.read(lambda: served.model)
            body.check_labels(model)

            def answer() -> Response:
                with characters_of("text"):
                    return JSONResponse(compute(model, body))

            return await service.compute(request, answer)

        return run

    return [
        Operation("GET", "/api/settings", "listSettings", "List the sampling settings that have a slider.",
                  list_settings, "The settings, in the order in which they apply."),
        Operation("GET", "/api/runs", "listRuns", "List the runs with their facts.", list_runs, "The runs."),
        Operation("GET", "/api/runs/{id}/metrics", "getMetricsOfRun", "Return the learning curve of a run so far.",
                  of_run(learning_curve), "The curve."),
        Operation("GET", "/api/runs/{id}/samples", "getSamplesOfRun", "Return the samples written during training.",
                  of_run(samples), "The samples, by step."),
        Operation("POST", "/api/inspect", "inspectText", "Show how well a model predicts each character.",
                  over_text(_inspect), "The inspection."),
        Operation("POST", "/api/units", "findUnits", "List hidden units by the feature of the text that they follow.",
                  over_text(_units), "The units, the most interpretable first."),
        Operation("POST", "/api/activations", "getActivations", "Return the values of one hidden unit over a text.",
                  over_text(_activations), "Its values."),
    ]  # fmt: skip


def sliders() -> list[Answer]:
    """Return the sampling settings that have a slider. A default at the end of a slider switches the setting off."""
    return [
        {
            "name": name, "low": s.low, "high": s.high, "step": s.step, "start": s.start,
            "off": setting.default if setting.default in (s.low, s.high) else None, "words": s.words,
        }
        for name, setting in sampling_settings().items()
        if (s := setting.slider) is not None
    ]  # fmt: skip


def _inspect(model: LanguageModel, body: TextBody) -> Answer:
    seen = inspect_text(model, body.text, on_unknown=body.on_unknown)
    score = seen.score if seen.nats != [None] else None
    return {
        "text": seen.text,
        "nats": _rounded(seen.nats),
        "ranks": seen.ranks,
        "probabilities": _rounded(seen.probabilities),
        "alternatives": [[[a.character, _rounded(a.probability)] for a in place] for place in seen.alternatives],
        "experts": list(seen.experts),
        "expert_probabilities": _rounded(seen.expert_probabilities),
        "gates": _rounded(seen.gates),
        "counts_probabilities": _rounded(seen.counts_probabilities),
        "characters": score.characters if score else 0,
        "nats_per_char": score.nats_per_char if score else None,
        "bits_per_char": score.bits_per_char if score else None,
        "perplexity": score.perplexity if score else None,
    }


_own_units: WeakKeyDictionary[LanguageModel, Answer] = WeakKeyDictionary()


def _units(model: LanguageModel, body: TextBody) -> Answer:
    """Find units in the text, or without one in a text that the model writes; that text is always the same, so kept."""
    if body.text:
        return _found(model, body.text, body.on_unknown, own=False)
    if model not in _own_units:
        _own_units[model] = _found(model, _own_text(model), "error", own=True)
    return _own_units[model]


def _own_text(model: LanguageModel) -> str | list[str]:
    """Some samples as one text, or as many documents as have the same length together."""
    settings: dict[str, Any] = {"length": OWN_LENGTH, "temperature": OWN_TEMPERATURE, "seed": 1}
    if not model.vocabulary.documents:
        return (2 * model.default_prompt()).join(model.generate_many(OWN_SAMPLES, **settings))
    documents, left = list[str](), OWN_SAMPLES * OWN_LENGTH // max(1, len(model.labels) // OWN_LABELS)
    for text, _ in model.write_stream(range(left), **settings):
        documents.append(text)
        left -= len(text)
        if left <= 0:
            break
    return documents


def _found(model: LanguageModel, given: str | list[str], on_unknown: str, own: bool) -> Answer:
    units = [
        {"layer": u.layer, "unit": u.unit, "feature": u.feature, "correlation": _rounded(u.correlation)}
        for u in find_units(model, given, on_unknown)
    ]
    return {"own": own, "characters": len("".join(given)), "units": units}


def _activations(model: LanguageModel, body: ActivationsBody) -> Answer:
    config = model.network.config
    for name, value, count in (("layer", body.layer, config.num_layers), ("unit", body.unit, config.hidden_size)):
        if value >= count:
            raise ApiError(400, f"{name} {value} does not exist: there are 0 to {count - 1}", name)
    known = model.vocabulary.decode(model.vocabulary.encode(body.text, body.on_unknown))
    values = [round(float(value), 3) for value in activation(model, known, body.layer, body.unit)]
    return {"text": known, "layer": body.layer, "unit": body.unit, "values": values}


def _rounded(values: Any) -> Any:
    """Round to six significant digits, in lists too: more than anyone can see, and half the bytes. None stays None."""
    if isinstance(values, list):
        return [_rounded(value) for value in values]
    return None if values is None else float(f"{values:.6g}")
