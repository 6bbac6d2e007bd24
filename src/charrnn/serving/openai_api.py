"""`/v1/completions` and `/v1/models`, as clients of OpenAI's API know them; one token is one character."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from charrnn.config import check_values
from charrnn.generation import SamplingConfig
from charrnn.language_model import LanguageModel
from charrnn.serving.answers import Answer, stream_events
from charrnn.serving.bodies import read_json
from charrnn.serving.engine import FullError
from charrnn.serving.errors import GONE, ApiError, shutting_down
from charrnn.serving.fields import Field, check_fields
from charrnn.serving.limits import Limits
from charrnn.serving.models import Served
from charrnn.serving.responses import EventStream
from charrnn.serving.state import State
from charrnn.serving.writing import Bell, Writing
from charrnn.text.vocabulary import ON_UNKNOWN

MOST_LIKELY = 5  # characters that logprobs may ask for
LARGEST_SEED = (1 << 63) - 1


def completion_fields(ids: list[str], limits: Limits) -> dict[str, Field]:
    """What `POST /v1/completions` accepts."""
    return {
        "model": Field("str", "the name of a model; the first that is served by default", choices=tuple(ids)),
        "prompt": Field("texts", "a text to go on from, or several", "", max_chars=limits.max_prompt,
                        max_items=limits.max_choices),
        "max_tokens": Field("int", "characters to write, at most", 16, least=0, most=limits.max_length),
        "temperature": Field("float", "below 1 bolder, above 1 wilder; 0 is greedy", 1.0, least=0, most=1e6),
        "top_p": Field("float", "draw from the likeliest characters that together have this share", 1.0, least=0,
                       most=1),
        "top_k": Field("int", "draw from the k likeliest characters; 0 = off", 0, least=0, most=1 << 31),
        "min_p": Field("float", "draw from the characters at least this many times as likely as the likeliest", 0.0,
                       least=0, most=1),
        "n": Field("int", "texts for each prompt", 1, least=1, most=limits.max_choices),
        "stream": Field("bool", "send the text as it is written, as server-sent events", False),
        "stream_options": Field("object", "with stream", inside={
            "include_usage": Field("bool", "a last event with the numbers of characters", False)}),
        "stop": Field("texts", "end before any of these strings", min_chars=1, max_chars=1000, max_items=16),
        "seed": Field("int", "equal seeds give equal texts; by default each request differs", least=0,
                      most=LARGEST_SEED),
        "logprobs": Field("int", "tell so many of the likeliest characters at each place, and log-probabilities",
                          least=0, most=MOST_LIKELY),
        "echo": Field("bool", "begin the text with the prompt", False),
        "on_unknown": Field("str", "what to do with characters of the prompt that the vocabulary lacks", "error",
                            choices=ON_UNKNOWN),
        "user": Field("str", "ignored", max_chars=1000),
        "best_of": Field("int", "not supported", neutral=(1,)),
        "suffix": Field("str", "not supported", neutral=("",)),
        "presence_penalty": Field("float", "not supported", neutral=(0,)),
        "frequency_penalty": Field("float", "not supported", neutral=(0,)),
        "logit_bias": Field("object", "not supported", neutral=({},)),
    }  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A completion request, checked."""

    prompts: list[str]
    config: SamplingConfig
    seed: int
    stops: tuple[str, ...]
    values: dict[str, Any]

    @classmethod
    def of(cls, values: dict[str, Any], limits: Limits) -> Asked:
        prompts = [values["prompt"]] if isinstance(values["prompt"], str) else values["prompt"]
        if len(prompts) * values["n"] > limits.max_choices:
            raise ApiError(
                400,
                f"{len(prompts)} prompts x n {values['n']} are {len(prompts) * values['n']:,} texts: one request may "
                f"ask for {limits.max_choices:,}",
                "n",
            )
        stop = values["stop"] or []
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        if values["stream_options"] is not None and not values["stream"]:
            raise ApiError(400, "stream_options has no effect without stream: leave it out", "stream_options")
        sampling = {name: values[name] for name in ("temperature", "top_k", "top_p", "min_p")}
        config = SamplingConfig(**check_values(SamplingConfig, sampling))
        seed = secrets.randbits(32) if values["seed"] is None else values["seed"]
        return cls(prompts, config, seed, stops, values)

    def known(self, model: LanguageModel) -> list[str]:
        """The prompts, without what the vocabulary lacks if that is to be skipped."""
        vocabulary = model.vocabulary
        return [vocabulary.decode(vocabulary.encode(prompt, self.values["on_unknown"])) for prompt in self.prompts]

    def writings(self, model: LanguageModel, prompts: list[str], seconds: float, bell: Bell) -> list[Writing]:
        """What the engine is to write: n texts for each prompt."""
        values = self.values
        return [
            Writing(
                model, prompt, values["max_tokens"], self.config, self.seed, sample, self.stops,
                values["logprobs"], values["echo"], seconds, bell,
            )
            for prompt in prompts
            for sample in range(values["n"])
        ]  # fmt: skip


async def completions(request: Request) -> Response:
    """`POST /v1/completions`."""
    state: State = request.app.state.serving
    limits = state.limits
    if state.closing:
        raise shutting_down()
    values = check_fields(completion_fields(state.models.ids, limits), await read_json(request, limits.max_body))
    asked = Asked.of(values, limits)
    served = state.models.get(values["model"] or state.models.ids[0])
    model = await state.quickly(lambda: served.model)
    prompts = asked.known(model)
    bell = Bell(patient=not values["stream"])
    writings = asked.writings(model, prompts, limits.max_seconds, bell)
    engine = await state.quickly(lambda: state.engine(served))
    try:
        engine.submit(writings)
    except FullError:
        state.metrics.refused += 1
        raise ApiError(
            429,
            f"{engine.active:,} texts are being written and {engine.queued:,} wait: try again later",
            code="queue_full",
            retry_after=state.retry_after(engine),
        ) from None
    usage = bool((values["stream_options"] or {}).get("include_usage"))
    answer = Answer(served.id, asked.seed, values["echo"], usage, prompts, writings, state.metrics)
    if values["stream"]:
        return EventStream(stream_events(answer, engine, bell), limits.max_seconds)
    return await _whole(request, answer, engine, bell)


async def _whole(request: Request, answer: Answer, engine: Any, bell: Bell) -> Response:
    """The answer when it is complete, unless the client goes before."""
    response: Response | None = None
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        async for choice, items, _ in answer.news(engine, bell):
            choice.items += items
        response = JSONResponse(answer.whole())
        tasks.cancel_scope.cancel()
    if response is None:
        raise ApiError(GONE, "the client has gone")
    return response


async def models(request: Request) -> Response:
    """`GET /v1/models`."""
    state: State = request.app.state.serving
    return JSONResponse({"object": "list", "data": [_described(served) for served in state.models]})


async def model(request: Request) -> Response:
    """`GET /v1/models/{id}`."""
    state: State = request.app.state.serving
    return JSONResponse(_described(state.models.get(request.path_params["id"])))


def _described(served: Served) -> dict[str, Any]:
    return {"id": served.id, "object": "model", "created": served.created, "owned_by": "charrnn"}


routes: list[BaseRoute] = [
    Route("/v1/completions", completions, methods=["POST"]),
    Route("/v1/models", models, methods=["GET"]),
    Route("/v1/models/{id}", model, methods=["GET"]),
]
