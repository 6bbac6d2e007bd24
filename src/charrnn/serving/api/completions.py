"""`POST /v1/completions`, as clients of OpenAI's API know it. One token is one character."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from charrnn.serving.api.completion_answer import Answer, stream_events
from charrnn.serving.api.operations import Operation
from charrnn.serving.engine import Engine, Notifier, QueueFullError, TextRequest
from charrnn.serving.http.errors import late
from charrnn.serving.http.exchange import FLUSH_SECONDS, EventStream, unless_gone
from charrnn.serving.service import Service

if TYPE_CHECKING:
    from charrnn.serving.api.requests import CompletionRequest

AT_ONCE = 2000  # characters of an answer that is put together in the event loop; a longer one is in a thread


def operations(service: Service) -> list[Operation]:
    limits, ids = service.limits, service.models.ids

    async def complete(request: Request, body: CompletionRequest) -> Response:
        body.check_size(limits)
        served = service.models.get(body.model or ids[0])
        seed = secrets.randbits(32) if body.seed is None or body.seed < 0 else body.seed
        notifier = Notifier(batch_updates=not body.stream)

        def prepare() -> tuple[Engine, list[str], list[TextRequest]]:
            model, sampling = served.model, body.sampling
            prompts = body.prompts_in_vocabulary(model)
            body.check_label(model)
            texts = [
                TextRequest(
                    model, prompt, body.max_tokens, sampling, seed, sample, body.stop, body.logprobs, body.echo,
                    limits.max_seconds, notifier, body.label,
                )
                for prompt in prompts
                for sample in range(body.n)
            ]  # fmt: skip
            return service.engine(served), prompts, texts

        engine, prompts, texts = await service.read(prepare)
        try:
            engine.submit(texts)
        except QueueFullError:
            raise service.queue_full(engine) from None
        answer = Answer(served.id, seed, body.echo, body.with_usage, prompts, texts, service.metrics)
        if body.stream:
            return EventStream(stream_events(answer, engine, notifier), limits.max_seconds)
        return await unless_gone(request, lambda: _whole(service, answer, engine, notifier))

    return [
        Operation(
            "POST", "/v1/completions", "createCompletion",
            "Write the text that follows a prompt. One token is one character.", complete,
            "The text; with stream, server-sent events with a part of it each, then [DONE].",
            
        )
    ]  # fmt: skip


async def _whole(service: Service, answer: Answer, engine: Engine, notifier: Notifier) -> Response:
    """Return the answer when it is complete."""
    try:
        with anyio.fail_after(service.limits.max_seconds + FLUSH_SECONDS):  # texts end by themselves before
            async for choice, tokens, _ in answer.updates(engine, notifier):
                choice.tokens += tokens
    except TimeoutError:
        raise late() from None
    if sum(len(choice.tokens) for choice in answer.choices) <= AT_ONCE:
        return JSONResponse(answer.whole())
    return await service.read(lambda: JSONResponse(answer.whole()))
