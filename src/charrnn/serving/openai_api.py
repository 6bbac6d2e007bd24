"""`/v1/completions` and `/v1/models`, as clients of OpenAI's API know them; one token is one character."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from charrnn.errors import UnknownCharacterError
from charrnn.generation import SamplingConfig, make_sampling
from charrnn.language_model import LanguageModel
from charrnn.serving.answers import Answer, stream_events
from charrnn.serving.bodies import read_json
from charrnn.serving.engine import Engine, FullError
from charrnn.serving.errors import ApiError, late, shutting_down, unknown_character
from charrnn.serving.fields import Field, check_fields
from charrnn.serving.limits import Limits
from charrnn.serving.models import Served
from charrnn.serving.responses import SPARE, EventStream, unless_gone
from charrnn.serving.state import State
from charrnn.serving.writing import Bell, Writing
from charrnn.text.vocabulary import ON_UNKNOWN

MOST_LIKELY = 5  # characters that logprobs may ask for
LARGEST_SEED = (1 << 63) - 1
TOLD = 10  # what a character with log-probabilities counts for: so much more memory it takes
SMALL = 2000  # characters of an answer that is put together at once, not in a thread


def completion_fields(ids: list[str], limits: Limits) -> dict[str, Field]:
    """What `POST /v1/completions` accepts."""
    return {
        "model": Field("str", "the name of a model; the first that is served by default", choices=tuple(ids)),
        "prompt": Field("texts", "a text to go on from, or several", "", max_chars=limits.max_prompt,
                        max_items=limits.max_choices),
        "max_tokens": Field("int", "characters to write, at most", 16, least=0, most=limits.max_length),
        "temperature": Field("float", "below 1 safer, above 1 wilder; 0 is greedy", 1.0, least=0, most=1e6),
        "top_p": Field("float", "draw from the likeliest characters that together have this share", 1.0, least=0,
                       most=1),
        "top_k": Field("int", "draw from the k likeliest characters; 0 = off", 0, least=0, most=1 << 31),
        "min_p": Field("float", "draw from the characters at least this many times as likely as the likeliest", 0.0,
                       least=0, most=1),
        "n": Field("int", "texts for each prompt", 1, least=1, most=limits.max_choices),
        "stream": Field("bool", "send the text as it is written, as server-sent events", False),
        "stream_options": Field("object", "with stream", inside={
            "include_usage": Field("bool", "a last event with the numbers of characters", False)}),
        "stop": Field("texts", "end before any of these strings", min_chars=1, max_chars=100,
                      min_items=0, max_items=16),
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
        _check_size(prompts, values, limits)
        stop = values["stop"] or []
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        if values["stream_options"] is not None and not values["stream"]:
            raise ApiError(400, "stream_options has no effect without stream: leave it out", "stream_options")
        sampling = {name: values[name] for name in ("temperature", "top_k", "top_p", "min_p")}
        config = make_sampling(sampling)
        seed = secrets.randbits(32) if values["seed"] is None else values["seed"]
        return cls(prompts, config, seed, stops, values)

    def known(self, model: LanguageModel) -> list[str]:
        """The prompts, without what the vocabulary lacks if that is to be skipped."""
        vocabulary, policy = model.vocabulary, self.values["on_unknown"]
        try:
            return [vocabulary.decode(vocabulary.encode(prompt, policy)) for prompt in self.prompts]
        except UnknownCharacterError as error:
            raise unknown_character(error, "prompt") from None

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


def _check_size(prompts: list[str], values: dict[str, Any], limits: Limits) -> None:
    """Whether so much can be asked for at all: what never fits is not to be tried again later."""
    texts = len(prompts) * values["n"]
    most = min(limits.max_choices, limits.max_streams + limits.max_queue)
    if texts > most:
        raise ApiError(
            400, f"{len(prompts)} prompts x n {values['n']} are {texts:,} texts: one request may ask for {most:,}", "n"
        )
    characters = values["n"] * sum(map(len, prompts)) if values["echo"] else 0
    if not values["stream"]:  # a stream is sent as it is written: the server does not hold the whole of it
        characters += texts * values["max_tokens"]
    if values["logprobs"] is not None:
        characters *= TOLD
    if characters > limits.max_answer:
        counted = f" (each counts {TOLD} times with logprobs)" if values["logprobs"] is not None else ""
        raise ApiError(
            400,
            f"{texts:,} texts of these lengths are {characters:,} characters{counted}: one answer may have "
            f"{limits.max_answer:,}; lower n or max_tokens, or set stream",
            "max_tokens",
            "too_long",
        )


async def completions(request: Request) -> Response:
    """`POST /v1/completions`."""
    state: State = request.app.state.serving
    limits = state.limits
    if state.closing:
        raise shutting_down()
    values = check_fields(completion_fields(state.models.ids, limits), await read_json(request, limits.max_body))
    asked = Asked.of(values, limits)
    served = state.models.get(values["model"] or state.models.ids[0])
    bell = Bell(patient=not values["stream"])

    def prepare() -> tuple[Engine, list[str], list[Writing]]:
        model = served.model
        prompts = asked.known(model)
        return state.engine(served), prompts, asked.writings(model, prompts, limits.max_seconds, bell)

    engine, prompts, writings = await state.quickly(prepare)
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
    return await unless_gone(request, lambda: _whole(state, answer, engine, bell))


async def _whole(state: State, answer: Answer, engine: Engine, bell: Bell) -> Response:
    """The answer when it is complete."""
    try:
        with anyio.fail_after(state.limits.max_seconds + SPARE):  # texts end by themselves before
            async for choice, items, _ in answer.news(engine, bell):
                choice.items += items
    except TimeoutError:
        raise late() from None
    if sum(len(choice.items) for choice in answer.choices) <= SMALL:
        return JSONResponse(answer.whole())
    return await state.quickly(lambda: JSONResponse(answer.whole()))


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
