"""The bodies of requests. A completion has the fields that clients of OpenAI's API know, and the sampling settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr, create_model, model_validator
from typing_extensions import Self

from charrnn.errors import ConfigError
from charrnn.generation import SamplingConfig, make_sampling
from charrnn.generation.filters import sampling_settings
from charrnn.inspection.units import LEAST
from charrnn.language_model import LanguageModel
from charrnn.serving.api.errors import characters_of
from charrnn.serving.api.fields import (
    UNKNOWN_FIELD,
    WHOLE,
    Body,
    Text,
    Whole,
    ignored,
    model_field,
    of_setting,
    texts,
    unsupported,
)
from charrnn.serving.http.errors import ApiError
from charrnn.serving.limits import Limits
from charrnn.text.labels import LONGEST_LABEL, symbol

MOST_LIKELY = 5  # the largest value of logprobs
LARGEST_SEED = (1 << 63) - 1
# Characters that are read once with each label: of prompts, and of texts to score.
MOST_READ_OF_PROMPTS, MOST_READ_OF_TEXTS = 500_000, 5_000_000
LOGPROBS_WEIGHT = 10  # a character with log-probabilities takes this many times the memory of one without
UNSUPPORTED: dict[str, tuple[Any, ...]] = {  # fields of OpenAI and other servers: the values that change nothing
    "suffix": ("",), "presence_penalty": (0,), "frequency_penalty": (0,), "logit_bias": ({},),
    "repetition_penalty": (1,), "min_tokens": (0,), "ignore_eos": (False,), "store": (False,),
    "response_format": ({"type": "text"},), "modalities": (["text"],), "tools": ([],), "tool_choice": ("none", "auto"),
    "functions": ([],), "function_call": ("none", "auto"), "parallel_tool_calls": (True, False),
}  # fmt: skip
SHORT = Annotated[Text, Field(max_length=1000)]
IGNORED: dict[str, Any] = {  # whom a request serves, and where: nothing of it changes the text
    "user": SHORT, "safety_identifier": SHORT, "prompt_cache_key": SHORT, "service_tier": SHORT,
    "metadata": dict[str, Any],
}  # fmt: skip


class StreamOptions(Body):
    inside: ClassVar[str] = "stream_options"
    include_usage: bool = Field(False, description="send a last event with the numbers of characters")
    include_obfuscation: bool = Field(False, description="ignored")


class CompletionRequest(Body):
    """A checked completion request. `completion_request` adds limits, and the fields that are not listed here."""

    model: str | None
    prompt: list[str]
    max_tokens: int
    n: int
    stream: bool = Field(False, description="send the text as it is written, as server-sent events")
    stream_options: StreamOptions | None = Field(None, description="only with stream")
    stop: list[str]
    seed: Annotated[int, Field(ge=-1, le=LARGEST_SEED), WHOLE] | None = Field(
        None, description="equal seeds give equal texts; by default, or with -1, each request differs"
    )
    logprobs: Annotated[int, Field(ge=0, le=MOST_LIKELY), WHOLE] | None = Field(
        None,
        description="report log-probabilities, and this many of the likeliest characters at each position, besides the "
        "one that stands there",
    )
    echo: bool = Field(False, description="begin the text with the prompt")
    label: Annotated[Text, Field(max_length=LONGEST_LABEL)] | None = Field(
        None, description="the label of the text, of a model with labels; by default it is drawn, or suits the prompt"
    )
    on_unknown: str
    best_of: Annotated[int, Field(ge=1), WHOLE] | None = Field(None, description="not supported: only 1, or n")

    @property
    def sampling(self) -> SamplingConfig:
        return make_sampling({name: getattr(self, name) for name in sampling_settings()})

    @property
    def with_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def check_size(self, limits: Limits) -> None:
        """Raise ApiError 400 if the request is too large ever to be answered, however often it is tried again."""
        if self.stream_options is not None and not self.stream:
            raise ApiError(400, "stream_options has no effect without stream: leave it out", "stream_options")
        if self.best_of not in (None, 1, self.n):
            accepted = "1" if self.n == 1 else f"1 or {self.n}"
            message = f"best_of is not supported here: leave it out (only {accepted} is accepted)"
            raise ApiError(400, message, "best_of")
        count = len(self.prompt) * self.n
        most = min(limits.max_choices, limits.max_streams + limits.max_queue)
        if count > most:
            message = f"{len(self.prompt)} prompts x n {self.n} are {count:,} texts: one request may ask for {most:,}"
            raise ApiError(400, message, "n")
        characters = self.n * sum(map(len, self.prompt)) if self.echo else 0
        if not self.stream:  # a stream is sent as it is written: the server does not hold it
            characters += count * self.max_tokens
        counted = ""
        if self.logprobs is not None:
            characters *= LOGPROBS_WEIGHT
            counted = f" (each counts {LOGPROBS_WEIGHT} times with logprobs)"
        if characters > limits.max_answer:
            message = (
                f"{count:,} texts of these lengths are {characters:,} characters{counted}: one answer may have "
                f"{limits.max_answer:,}; lower n or max_tokens, or set stream"
            )
            raise ApiError(400, message, "max_tokens", "too_long")

    def check_label(self, model: LanguageModel) -> None:
        """Raise ApiError 400 if the model does not know the label, or would have to look for it for too long."""
        if self.label is not None:
            try:
                symbol(model.labels, self.label)
            except ConfigError as error:
                raise ApiError(400, str(error), "label") from None
        else:
            most = MOST_READ_OF_PROMPTS
            check_readings("prompt", self.prompt, model, most, f"name a label, or shorten it to {most:,}")

    def prompts_in_vocabulary(self, model: LanguageModel) -> list[str]:
        """Return the prompts, without unknown characters if these are to be skipped."""
        vocabulary = model.vocabulary
        with characters_of("prompt"):
            return [vocabulary.decode(vocabulary.encode(prompt, self.on_unknown)) for prompt in self.prompt]


class TextBody(Body):
    """A request about a text."""

    model: str | None
    text: str
    on_unknown: str

    def check_labels(self, model: LanguageModel) -> None:
        """Raise ApiError 400 if a model with labels would have to read too much."""
        check_texts_read([self.text], model)


def check_readings(field: str, read: Sequence[str], model: LanguageModel, most: int, remedy: str) -> None:
    """Raise ApiError 400 if the texts of a field, read once with each label, are more than `most` characters."""
    if (characters := sum(map(len, read)) * len(model.labels)) > most:
        message = f"{field} is read with each of {len(model.labels)} labels, {characters:,} characters in all"
        raise ApiError(400, f"{message}: {remedy}", field, "too_long")


def check_texts_read(texts: Sequence[str], model: LanguageModel) -> None:
    check_readings("text", texts, model, MOST_READ_OF_TEXTS, f"at most {MOST_READ_OF_TEXTS:,} are accepted")


class ScoreBody(Body):
    """A request for the score of a text, or of each of a list."""

    model: str | None
    text: list[str]
    on_unknown: str
    _is_list: bool = PrivateAttr(False)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, values: Any, check: Callable[[Any], Self]) -> Self:
        body = check(values)
        body._is_list = isinstance(values["text"], list)
        return body

    @property
    def is_list(self) -> bool:
        return self._is_list

    def check_labels(self, model: LanguageModel) -> None:
        """Raise ApiError 400 if a model with labels would have to read too much."""
        check_texts_read(self.text, model)

    def check_size(self, limits: Limits) -> None:
        """Raise ApiError 400 if the texts are too long together."""
        characters = sum(map(len, self.text))
        if characters > limits.max_text:
            message = f"text has {characters:,} characters in all: at most {limits.max_text:,} are accepted"
            raise ApiError(400, message, "text", "too_long")


class ActivationsBody(TextBody):
    layer: Whole = Field(ge=0, description="the layer, from 0")
    unit: Whole = Field(ge=0, description="the unit in it, from 0")


def _text_body(
    title: str, model: tuple[Any, Any], least: int, most: int, base: type[TextBody] = TextBody, **field: Any
) -> type[TextBody]:
    """Return the body of a request about a text of `least` to `most` characters; `field` describes the text."""
    text = Annotated[Text, Field(min_length=least, max_length=most)]
    fields: dict[str, Any] = {"model": model, "text": (text, Field(**field)), "on_unknown": UNKNOWN_FIELD}
    return create_model(title, __base__=base, **fields)


def _completion(ids: list[str], limits: Limits) -> type[CompletionRequest]:
    """Add what the static class cannot know, the limits of this server and the registered sampling rules."""
    fields: dict[str, Any] = {
        "model": model_field(ids),
        "prompt": (texts(1, limits.max_choices, 0, limits.max_prompt), Field([""], description="one text or several")),
        "max_tokens": (Whole, Field(16, ge=0, le=limits.max_length, description="the most characters to write")),
        "n": (Whole, Field(1, ge=1, le=limits.max_choices, description="texts for each prompt")),
        "stop": (texts(0, 16, 1, 100), Field([], description="end before any of these strings")),
        "on_unknown": UNKNOWN_FIELD,
        **{name: of_setting(setting) for name, setting in sampling_settings().items()},
        **{name: unsupported(*values) for name, values in UNSUPPORTED.items()},
        **{name: ignored(kind) for name, kind in IGNORED.items()},
    }
    return create_model("CompletionRequest", __base__=CompletionRequest, **fields)


def request_bodies(ids: list[str], limits: Limits) -> dict[str, type[Body]]:
    """Return the body of every operation that has one, by its id, for a server with these models and limits."""
    named = Text, Field(description="the name of a model")
    text: dict[str, Any] = {"description": "the text to inspect"}
    words = f"the text to find units in, at least {LEAST} characters; if empty, the model writes one"
    most = limits.max_inspected
    scored: Any = (
        texts(1, limits.max_text, 1, limits.max_text, alone=2),
        Field(description="the text to score, or a list of documents"),
    )
    return {
        "createCompletion": _completion(ids, limits),
        "createScore": create_model(
            "ScoreRequest", __base__=ScoreBody, model=model_field(ids), on_unknown=UNKNOWN_FIELD, text=scored
        ),
        "inspectText": _text_body("InspectRequest", named, 0, most, **text),
        "findUnits": _text_body("UnitsRequest", named, 0, most, default="", description=words),
        "getActivations": _text_body("ActivationsRequest", named, 0, most, ActivationsBody, **text),
    }
