"""The answers to a completion request: whole, or event by event."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from charrnn.serving.errors import ApiError, late, shutting_down
from charrnn.serving.writing import Bell, Item, Writing

if TYPE_CHECKING:
    from charrnn.serving.engine import Engine
    from charrnn.serving.metrics import Metrics

# Between two looks at the texts of a stream, seconds for each text in progress: with many, an event carries several
# characters, since sending one costs more than writing one. A few texts are sent character by character.
PAUSE, FEW, LONGEST_PAUSE = 0.0003, 4, 0.1


class Choice:
    """One text of an answer."""

    def __init__(self, index: int, prompt: str, echo: bool, writing: Writing) -> None:
        self.index, self.writing = index, writing
        self.items: list[Item] = []  # collected where the answer is sent as a whole
        self.head = prompt if echo and not writing.echo else ""  # the prompt, where it does not come as items
        self.offset = 0 if writing.echo else len(prompt)  # of the next item, in prompt and text together
        self.begun = False
        self.finish: str | None = None  # as the client is told

    def as_json(self, items: Sequence[Item], finish: str | None) -> dict[str, Any]:
        text, self.head = self.head + "".join([item.character for item in items]), ""
        values: dict[str, Any] = {"text": text, "index": self.index, "logprobs": None, "finish_reason": finish}
        if self.writing.logprobs is not None:
            values["logprobs"] = {
                "tokens": [item.character for item in items],
                "token_logprobs": [item.logprob for item in items],
                "top_logprobs": [None if item.top is None else dict(item.top) for item in items],
                "text_offset": list(range(self.offset, self.offset + len(items))),
            }
            values["kept"] = [item.kept for item in items]
        self.offset += len(items)
        return values


class Answer:
    """The answer to one request, with a choice for each text."""

    def __init__(
        self,
        model: str,
        seed: int,
        echo: bool,
        include_usage: bool,
        prompts: Sequence[str],
        writings: Sequence[Writing],
        metrics: Metrics,
    ) -> None:
        each = len(writings) // len(prompts)
        self.choices = [Choice(k, prompts[k // each], echo, w) for k, w in enumerate(writings)]
        self.include_usage, self.prompt_characters, self._metrics = include_usage, sum(map(len, prompts)), metrics
        self.head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
            "seed": seed,
        }

    async def news(self, engine: Engine, bell: Bell) -> AsyncIterator[tuple[Choice, list[Item], str | None]]:
        """New characters of one choice after another, as they come, until all texts have ended.

        However it ends, what nobody will read is not written on.

        Raises
        ------
        ApiError
            The server has to end a text: it is shutting down, or has failed, or there was no lane in time for any.
        """
        going = list(self.choices)
        try:
            while going:
                bell.reset()
                found = False
                for choice in list(going):
                    finish = choice.writing.finish  # before the items: with it, they are the last
                    items = choice.writing.take()
                    if not (items or finish):
                        continue
                    found = True
                    if choice.writing.parked is not None:
                        engine.resume()
                    if not choice.begun and choice.writing.written:
                        choice.begun = True
                        self._metrics.first_character.observe(time.monotonic() - choice.writing.begun)
                    if finish:
                        going.remove(choice)
                        choice.finish = self._checked(finish)
                    yield choice, items, choice.finish
                if going and not found:
                    await bell.wait()
                elif going and not bell.patient and engine.active > FEW:
                    await anyio.sleep(min(engine.active * PAUSE, LONGEST_PAUSE))
        finally:
            engine.cancel([choice.writing for choice in self.choices if choice.writing.finish is None])

    def whole(self) -> dict[str, Any]:
        choices = [choice.as_json(choice.items, choice.finish) for choice in self.choices]
        return {**self.head, "choices": choices, "usage": self.usage()}

    def _checked(self, finish: str) -> str:
        if finish == "closed":
            raise shutting_down()
        if finish == "failed":
            raise ApiError(500, "an error inside the server; its log says more", code="internal_error")
        if finish == "late":  # the others may have been written: they are worth having
            if not any(choice.writing.position for choice in self.choices):
                raise late()
            return "length"
        return finish

    def part(self, choice: Choice, items: Sequence[Item], finish: str | None) -> dict[str, Any]:
        part = {**self.head, "choices": [choice.as_json(items, finish)]}
        return {**part, "usage": None} if self.include_usage else part

    def usage(self) -> dict[str, int]:
        """In characters, which are this model's tokens."""
        written = sum(choice.writing.written for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_characters,
            "completion_tokens": written,
            "total_tokens": self.prompt_characters + written,
        }


async def stream_events(answer: Answer, engine: Engine, bell: Bell) -> AsyncIterator[bytes]:
    """The server-sent events of an answer."""
    try:
        async for choice, items, finish in answer.news(engine, bell):
            yield event(answer.part(choice, items, finish))
        if answer.include_usage:
            yield event({**answer.head, "choices": [], "usage": answer.usage()})
    except ApiError as error:
        yield event(error.body())
    yield b"data: [DONE]\n\n"


def event(values: Any) -> bytes:
    return f"data: {json.dumps(values, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "surrogatepass")
