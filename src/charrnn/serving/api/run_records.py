"""A run as its folder records it: its facts, its learning curve, and the samples written during training."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from typing import Any

from charrnn.errors import CharRNNError
from charrnn.language_model import LanguageModel
from charrnn.serving.http.errors import ApiError
from charrnn.serving.limits import Limits
from charrnn.serving.models import Served, UnsavedModelError
from charrnn.terminal import printable
from charrnn.units import bits

log = logging.getLogger("charrnn.serving")
POINTS = 600  # of a curve: more than a screen can show
SAMPLES = 200  # stages of a run
SAMPLE_LENGTH = 4_000  # characters of a sample
SAMPLE_FILE = re.compile(r"step_(\d+)\.txt")

MODEL_FACTS = (
    "cell", "num_layers", "hidden_size", "parameters", "vocabulary", "text", "step", "nats_per_char", "begins_after",
    "experts", "documents", "labels", "unit",
)  # fmt: skip


def describe(served: Served, limits: Limits) -> dict[str, Any]:
    """Return the facts of a run. Those of its model are None until it has saved one."""
    facts: dict[str, Any] = dict.fromkeys(MODEL_FACTS)
    try:
        facts |= _facts(served.model)
    except UnsavedModelError:
        pass
    except Exception:  # the other models are still worth listing
        log.exception("the facts of model '%s' cannot be read", served.id)
    loss = facts["nats_per_char"]
    return {
        "id": served.id,
        **facts,
        "bits_per_char": None if loss is None else bits(loss),
        "split": "validation",
        "training": served.training,
        "has_folder": served.folder is not None,
        "limits": {
            "max_prompt": limits.max_prompt,
            "max_length": limits.max_length,
            "max_text": limits.max_inspected,
            "max_choices": limits.max_choices,
        },
    }


def _facts(model: LanguageModel) -> dict[str, Any]:
    """Return the facts of a model; what its file says of its origin may be anything."""
    config, provenance = model.network.config, model.provenance
    text, step = provenance.get("text"), provenance.get("step")
    values = (
        config.cell, config.num_layers, config.hidden_size, len(model.params.vector), model.vocabulary.characters,
        printable(text) if isinstance(text, str) else None,
        step if type(step) is int and step >= 0 else None,
        _finite(provenance.get("val_nats_per_char")), model.default_prompt(),
        list(model.experts.names) if model.experts else [], model.vocabulary.documents, list(model.labels),
        model.vocabulary.unit,
    )  # fmt: skip
    return dict(zip(MODEL_FACTS, values, strict=True))


def learning_curve(served: Served) -> dict[str, Any]:
    """Return the losses as [step, epoch, nats], thinned to at most POINTS."""
    records = _records(served)
    last = records[-1] if records else {}
    return {
        "training": served.training,
        "step": last.get("step"),
        "epoch": _finite(last.get("epoch")),
        "seconds": _finite(last.get("seconds")),
        "train": _thinned(_curve(records, "train_loss")),
        "val": _thinned(_curve(records, "val_loss")),
    }


def samples(served: Served) -> dict[str, Any]:
    """Return the samples in the order of their steps, thinned to at most SAMPLES."""
    folder = served.folder
    found = []
    if folder is not None and folder.samples.is_dir():
        for path in folder.samples.iterdir():
            match = SAMPLE_FILE.fullmatch(path.name)
            if match and not path.is_symlink():
                found.append((int(match[1]), path))
    texts = []
    for step, path in _thinned(sorted(found), SAMPLES):
        try:
            texts.append({"step": step, "text": path.read_text("utf-8")[:SAMPLE_LENGTH]})
        except (OSError, UnicodeError):  # noqa: PERF203 (gone or damaged: the others are still worth showing)
            continue
    return {"samples": texts}


def _records(served: Served) -> list[dict[str, Any]]:
    if served.folder is None:
        return []
    try:
        return served.folder.read_metrics(skip_damaged=True)
    except CharRNNError as error:
        raise ApiError(500, printable(str(error)), code="damaged_run") from None


def _curve(records: Sequence[dict[str, Any]], key: str) -> list[list[float]]:
    points = ([r["step"], _finite(r["epoch"]), _finite(r.get(key))] for r in records)
    return [point for point in points if None not in point]


def _finite(value: Any) -> float | None:
    """Return a number as a float; None if it is no finite number."""
    try:
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    except OverflowError:  # an integer beyond all floats
        return None


def _thinned(points: list[Any], most: int = POINTS) -> list[Any]:
    """Return at most `most` points, evenly spaced, always including the last."""
    if len(points) <= most:
        return points
    return [points[round(k * (len(points) - 1) / (most - 1))] for k in range(most)]
