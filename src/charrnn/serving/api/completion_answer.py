"""The answer to a completion request: as a whole, or event by event."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import anyio

from charrnn.serving.engine import Engine, Notifier, TextRequest, Token
from charrnn.serving.http.errors import ApiError, internal_error, late, shutting_down
from charrnn.serving.metrics import Metrics

# Seconds to pause between two looks at a stream, for each text in progress: with many texts an event carries several
# characters, since sending an event costs more than drawing. Up to SINGLY texts are sent character by character.
PAUSE, SINGLY, LONGEST_PAUSE = 0.0003, 4, 0.1


class ChoiceInProgress:
    """One text of an answer."""

    def __init__(self, index: int, prompt: str, echo: bool, text: TextRequest) -> None:
        self.index, self.text = index, text
        self.tokens: list[Token] = []  # collected for an answer that is sent as a whole
        self.head = prompt if echo and not text.echo else ""  # the prompt, unless it comes as tokens
        self.offset = 0 if text.echo else len(prompt)  # of the next token, in prompt and text together
        self.begun = False
        self.finish: str | None = None  # the finish reason

    def as_json(self, tokens: Sequence[Token], finish: str | None) -> dict[str, Any]:
        text, self.head = self.head + "".join([token.character for token in tokens]), ""
        values: dict[str, Any] = {"text": text, "index": self.index, "logprobs": None, "finish_reason": finish}
        if self.text.logprobs is not None:
            values["logprobs"] = {
                "tokens": [token.character for token in tokens],
                "token_logprobs": [token.logprob for token in tokens],
                # The character itself is always among them, if need be as one more.
                "top_logprobs": [
                    None if token.top is None else {**dict(token.top), token.character: token.logprob}
                    for token in tokens
                ],
                "text_offset": list(range(self.offset, self.offset + len(tokens))),
            }
            values["kept"] = [token.kept for token in tokens]
        self.offset += len(tokens)
        return values


class Answer:
    """The answer to one request, with a choice for each text."""

    def __init__(
        self,
        model: str,
        seed: int,
        echo: bool,
        with_usage: bool,
        prompts: Sequence[str],
        texts: Sequence[TextRequest],
        metrics: Metrics,
    ) -> None:
        each = len(texts) // len(prompts)
        self.choices = [ChoiceInProgress(k, prompts[k // each], echo, text) for k, text in enumerate(texts)]
        self.with_usage, self.prompt_characters, self._metrics = with_usage, sum(map(len, prompts)), metrics
        self.head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
            "seed": seed,
        }

    async def updates(
        self, engine: Engine, notifier: Notifier
    ) -> AsyncIterator[tuple[ChoiceInProgress, list[Token], str | None]]:
        """Yield new tokens of one choice after another until all texts have ended. Texts left over are cancelled.

        Raises
        ------
        ApiError
            The server had to end a text: it is shutting down or has failed, or no text had a lane in time.
        """
        writing = list(self.choices)
        try:
            while writing:
                notifier.reset()
                found = False
                for choice in list(writing):
                    text = choice.text
                    finish = text.finish  # read before the tokens: if it is set, they are the last
                    tokens = text.take()
                    if not (tokens or finish):
                        continue
                    found = True
                    if text.parked is not None:
                        engine.wake()
                    if not choice.begun and text.written:
                        choice.begun = True
                        self._metrics.first_character_after(time.monotonic() - text.begun)
                    if finish:
                        writing.remove(choice)
                        choice.finish = self._finish_reason(finish)
                    yield choice, tokens, choice.finish
                if writing and not found:
                    await notifier.wait()
                elif writing and not notifier.batch_updates and engine.active > SINGLY:
                    await anyio.sleep(min(engine.active * PAUSE, LONGEST_PAUSE))
        finally:
            engine.cancel([choice.text for choice in self.choices if choice.text.finish is None])

    def _finish_reason(self, finish: str) -> str:
        if finish == "closed":
            raise shutting_down()
        if finish == "failed":
            raise internal_error()
        if finish == "late":  # an error, unless another text of the request was begun
            if not any(choice.text.position for choice in self.choices):
                raise late()
            return "length"
        return finish

    def whole(self) -> dict[str, Any]:
        choices = [choice.as_json(choice.tokens, choice.finish) for choice in self.choices]
        return {**self.head, "choices": choices, "usage": self.usage()}

    def part(self, choice: ChoiceInProgress, tokens: Sequence[Token], finish: str | None) -> dict[str, Any]:
        part = {**self.head, "choices": [choice.as_json(tokens, finish)]}
        return {**part, "usage": None} if self.with_usage else part

    def usage(self) -> dict[str, int]:
        """The numbers of characters, which are this API's tokens."""
        written = sum(choice.text.written for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_characters,
            "completion_tokens": written,
            "total_tokens": self.prompt_characters + written,
        }


async def stream_events(answer: Answer, engine: Engine, notifier: Notifier) -> AsyncIterator[bytes]:
    """Yield the server-sent events of an answer."""
    try:
        async for choice, tokens, finish in answer.updates(engine, notifier):
            yield _event(answer.part(choice, tokens, finish))
        if answer.with_usage:
            yield _event({**answer.head, "choices": [], "usage": answer.usage()})
    except ApiError as error:
        yield _event(error.body())
    yield b"data: [DONE]\n\n"


def _event(values: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(values, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "surrogatepass")
