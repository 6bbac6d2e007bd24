"""The types of all answers, from which the OpenAPI document is made. Answers themselves are plain dictionaries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, with_config
from typing_extensions import NotRequired, TypedDict

Count = Annotated[int, Field(ge=0)]


def record(title: str, /, **properties: Any) -> Any:
    """A type for a JSON object that has these properties and no others."""
    return with_config(ConfigDict(extra="forbid"))(TypedDict(title, properties))  # type: ignore[operator]


def many(kind: Any) -> Any:
    return list[kind]


def described(kind: Any, description: str) -> Any:
    """A type with a description."""
    return Annotated[kind, Field(description=description)]


ErrorFields = record("ErrorFields", message=str, type=str, param=str | None, code=str | None)
Error = record("Error", error=ErrorFields)
Logprobs = record(
    "Logprobs", tokens=list[str], token_logprobs=list[float | None], top_logprobs=list[dict[str, float] | None],
    text_offset=list[Count],
)  # fmt: skip
KEPT = "with logprobs: the number of characters that the filters left to draw from at each position"
Choice = record(
    "Choice", text=str, index=Count, logprobs=Logprobs | None, finish_reason=Literal["stop", "length"],
    kept=NotRequired[described(list[Count | None], KEPT)],
)  # fmt: skip
Usage = record("Usage", prompt_tokens=Count, completion_tokens=Count, total_tokens=Count)
Completion = record(
    "Completion", id=str, object=Literal["text_completion"], created=Count, model=str,
    seed=described(Count, "with this seed, the same request gives the same texts again"),
    choices=many(Choice), usage=Usage,
)  # fmt: skip


class Event(TypedDict):
    """An event of a stream, as read from its lines."""

    event: NotRequired[Literal["message"]]
    data: Annotated[str, Field(description="a Completion with a part of a text, or an Error, or [DONE]")]


Model = record("Model", id=str, object=Literal["model"], created=Count, owned_by=str)
ModelList = record("ModelList", object=Literal["list"], data=many(Model))
Score = record(
    "Score", object=Literal["score"], model=str, characters=Count, nats_per_char=float, bits_per_char=float,
    perplexity=float,
    per_char=described(list[float], "nats at each character after the first; at each of a document, and at its end"),
)  # fmt: skip
DocumentScore = record(
    "DocumentScore", index=Count, nats=float, nats_per_char=float,
    characters=described(Count, "the number of scored symbols: the characters of the document, and its end"),
    percentile=described(float | None, "of held-out documents that surprise the model no more; null if none are known"),
)  # fmt: skip
ScoreList = record("ScoreList", object=Literal["list"], model=str, data=many(DocumentScore))
Health = record("Health", status=Literal["ok"], models=list[str])
PageLimits = record("PageLimits", max_prompt=Count, max_length=Count, max_text=Count, max_choices=Count)
EXPERTS = "the count models that the network knows, by name; empty if there are none"
Run = record(
    "Run", id=str, cell=str | None, num_layers=Count | None, hidden_size=Count | None, parameters=Count | None,
    vocabulary=described(str | None, "all characters that the model knows"),
    text=described(str | None, "the name of the text it was trained on"), step=Count | None,
    nats_per_char=described(float | None, "the best loss on its validation split"),
    documents=described(bool | None, "whether it writes documents, each to its end"),
    labels=described(list[str] | None, "the labels that its documents may have"),
    unit=described(str | None, "over what its losses are means: character, or symbol and what counts as one"),
    begins_after=described(str | None, "the character that stands in for an empty prompt"),
    bits_per_char=float | None, split=Literal["validation"],
    training=described(bool, "whether a process is training in its folder now"),
    experts=described(list[str] | None, f"{EXPERTS}. Their counts hold nearly all of its training text"),
    has_folder=described(bool, "whether there can be a curve and samples"),
    limits=described(PageLimits, "characters of a prompt, of a text to write, of one to inspect; texts of a request"),
)  # fmt: skip
Point = Annotated[list[float], Field(min_length=3, max_length=3)]
Curve = described(list[Point], "step, epoch and nats per character; of documents per symbol, their ends included")
LearningCurve = record(
    "LearningCurve", training=bool, step=Count | None, epoch=float | None, seconds=float | None, train=Curve, val=Curve
)
Samples = record("Samples", samples=many(record("Sample", step=Count, text=str)))
SliderSetting = record(
    "SliderSetting", name=str, low=float, high=float, step=float, start=float,
    off=described(float | None, "the value that switches the setting off, if there is one"), words=str,
)  # fmt: skip
Settings = record("Settings", settings=many(SliderSetting))
Runs = record("Runs", runs=many(Run))
NO_EXPERTS = "empty without experts, and at the first character"
Alternative = Annotated[list[str | float], Field(min_length=2, max_length=2)]
Inspection = record(
    "Inspection", text=described(str, "without the characters that were left out"),
    nats=described(list[float | None], "the surprise at each character; null at the first"),
    probabilities=described(list[float | None], "of each character, by the network as a whole; null at the first"),
    ranks=described(list[Count | None], "1 where the likeliest character stands"),
    alternatives=described(list[list[Alternative]], "the likeliest characters at each position, with probabilities"),
    experts=described(list[str], EXPERTS),
    expert_probabilities=described(list[list[float]], f"of each character, by each expert; {NO_EXPERTS}"),
    gates=described(list[list[float]], f"how far each expert is trusted at each character: any number; {NO_EXPERTS}"),
    counts_probabilities=described(
        list[float | None],
        "of each character, by the experts alone, as far as each is trusted; empty without experts, null at the first",
    ),
    characters=described(Count, "the number of scored characters: all after the first; all of a document, but no end"),
    nats_per_char=float | None, bits_per_char=float | None, perplexity=float | None,
)  # fmt: skip
Unit = record("Unit", layer=Count, unit=Count, feature=str, correlation=float)
Units = record(
    "Units", own=described(bool, "whether they were found in a text that the model wrote itself"),
    characters=described(Count, "the length of the text they were found in"), units=many(Unit),
)  # fmt: skip
VALUES = described(list[float], "after each character, between -1 and 1")
Activations = record("Activations", text=str, layer=Count, unit=Count, values=VALUES)

JSON = "application/json"
ANSWERS: dict[str, dict[str, Any]] = {  # id of an operation → content type → type
    "createCompletion": {JSON: Completion, "text/event-stream": Event},
    "listModels": {JSON: ModelList},
    "getModel": {JSON: Model},
    "createScore": {JSON: Score | ScoreList},
    "getHealth": {JSON: Health},
    "getMetrics": {"text/plain": str},
    "listSettings": {JSON: Settings},
    "listRuns": {JSON: Runs},
    "getMetricsOfRun": {JSON: LearningCurve},
    "getSamplesOfRun": {JSON: Samples},
    "inspectText": {JSON: Inspection},
    "findUnits": {JSON: Units},
    "getActivations": {JSON: Activations},
    "getDescription": {JSON: dict[str, Any]},
}
