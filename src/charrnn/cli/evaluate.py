"""`charrnn evaluate`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import click

from charrnn.arrays import Array
from charrnn.cli.options import echo_json, json_option, on_unknown_option, quiet_option
from charrnn.cli.progress import make_callback
from charrnn.errors import ConfigError, RunError, TextError
from charrnn.language_model import LanguageModel, load
from charrnn.runs.folder import RunFolder
from charrnn.scoring import Evaluation
from charrnn.scoring import evaluate as evaluate_ids
from charrnn.text.corpus import SPLITS, Corpus, text_sha256
from charrnn.text.library import read_text
from charrnn.text.mapped import is_large, large_corpus, recoded
from charrnn.text.reading import Reading
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.callback import Callback
from charrnn.training.dynamic import LEARNING_RATE, evaluate_dynamic

NAMES = {"train": "training split", "val": "validation split", "test": "test split", "text": "whole text"}


@click.command(
    epilog="""\b
Examples:
  charrnn evaluate runs/book-qrnn
  charrnn evaluate runs/book-qrnn another.txt --on-unknown skip
  charrnn evaluate runs/book-qrnn --dynamic
  charrnn evaluate model.safetensors tinyshakespeare --json"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("text", nargs=-1)
@click.option("--split", type=click.Choice(SPLITS), help="Part of the run's own text [default: val].")
@click.option("--encoding", default="utf-8", show_default=True, help="How the bytes of TEXT are read.")
@click.option("--dynamic", is_flag=True, help="Also with parameters that keep learning on the text just scored.")
@click.option(
    "--dynamic-rate",
    type=click.FloatRange(min=0, min_open=True),
    help=f"Their learning rate [default: {LEARNING_RATE}].",
)
@on_unknown_option
@quiet_option
@json_option
def evaluate(
    run: Path,
    text: tuple[str, ...],
    split: str | None,
    encoding: str,
    dynamic: bool,
    dynamic_rate: float | None,
    on_unknown: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """How well the model of RUN predicts a text, in nats and bits per character.

    Without TEXT, the whole validation split of the run's own text; with it, all of TEXT (or, if it is the run's own,
    the part that --split names). The state starts at zero and is carried through; every character after the first is
    predicted. With --dynamic the loss of a model that keeps learning as it reads is given, too: each window of 64
    characters is scored before it is learned from, and the model file does not change.
    """
    if dynamic_rate is not None and not dynamic:
        raise ConfigError(f"--dynamic-rate {dynamic_rate:g} has no effect without --dynamic")
    if dynamic_rate is not None and not math.isfinite(dynamic_rate):
        raise ConfigError(f"--dynamic-rate {dynamic_rate:g} is not a finite number")
    model = load(run)
    callback = make_callback(quiet)
    try:
        reading = _Text.open(text, encoding, callback) if text else _own_text(run, callback)
    finally:
        callback.on_end()
    sha256 = reading.sha256
    ours = sha256 == model.provenance.get("text_sha256")
    if not text and not ours:
        raise RunError(f"the text {reading.name} has changed since the run: name a TEXT to evaluate it on")
    if split and not ours:
        raise ConfigError(
            f"--split {split} is a part of the run's own text, and {reading.name} is another: leave it out"
        )
    ids = reading.encode(model.vocabulary, on_unknown)
    if not quiet and text:
        for remark in reading.remarks:
            click.echo(remark, err=True)
        if len(ids) < len(reading):
            click.echo(f"skipped {len(reading) - len(ids):,} unknown characters", err=True)
    if ours and (split or not text):
        split = split or "val"
        parts = _own_splits(model, ids)
        if split not in parts:
            raise RunError(f"the model does not say what the {NAMES[split]} was: leave out --split")
        ids = parts[split]
    else:
        split = "text"
    if len(ids) < 2:
        raise TextError(f"the {NAMES[split]} has {len(ids)} characters: it takes at least 2 to predict one")
    result = evaluate_ids(model.network, model.params, ids)
    if not as_json:
        click.echo(f"{NAMES[split]}, {result.characters:,} characters predicted: {_words(result)}")
    adapting = None
    if dynamic:
        adapting = evaluate_dynamic(model.network, model.params, ids, dynamic_rate or LEARNING_RATE)
    if as_json:
        values = {
            "split": split,
            "characters": result.characters,
            "nats_per_char": result.nats_per_char,
            "bits_per_char": result.bits_per_char,
            "perplexity": result.perplexity,
            "text_sha256": sha256,
        }
        if adapting:
            values["dynamic_nats_per_char"] = adapting.nats_per_char
            values["dynamic_bits_per_char"] = adapting.bits_per_char
        echo_json(values)
    elif adapting:
        click.echo(f"the same, while learning from what was just scored (dynamic evaluation): {_words(adapting)}")


def _words(e: Evaluation) -> str:
    return f"{e.nats_per_char:.4f} nats ({e.bits_per_char:.4f} bits) per character, perplexity {e.perplexity:.3f}"


class _Text:
    """A text to evaluate on: a large one as a file of ids, others in memory."""

    def __init__(self, sources: Sequence[str], encoding: str, corpus: Corpus | None, reading: Reading | None) -> None:
        self.sources, self.encoding, self.corpus, self._reading = sources, encoding, corpus, reading

    @classmethod
    def open(cls, sources: Sequence[str], encoding: str, callback: Callback) -> _Text:
        if is_large(sources):
            return cls(
                sources, encoding, large_corpus(sources, encoding, callback.on_message, callback.on_reading), None
            )
        return cls(sources, encoding, None, read_text(sources, encoding))

    @property
    def reading(self) -> Reading:
        """The text itself, in memory."""
        self._reading = self._reading or read_text(self.sources, self.encoding)
        return self._reading

    @property
    def name(self) -> str:
        return self.corpus.name if self.corpus else self.reading.name

    @property
    def remarks(self) -> Sequence[str]:
        return () if self.corpus else self.reading.remarks

    @property
    def sha256(self) -> str:
        return self.corpus.sha256 if self.corpus else text_sha256(self.reading.text)

    def __len__(self) -> int:
        return len(self.corpus.ids if self.corpus else self.reading.text)

    def encode(self, vocabulary: Vocabulary, on_unknown: str) -> Array:
        ids = recoded(self.corpus, vocabulary) if self.corpus else None
        return vocabulary.encode(self.reading.text, on_unknown) if ids is None else ids


def _own_text(run: Path, callback: Callback) -> _Text:
    """The text that a run was trained on, read again."""
    if not run.is_dir():
        raise RunError(f"'{run}' is a model without its text: name a TEXT to evaluate it on")
    saved = RunFolder.open(run).read_config()
    try:
        sources, encoding = list(saved["sources"]), str(saved["settings"]["encoding"])
    except (KeyError, TypeError):
        raise RunError(f"'{run}/config.json' is damaged: it does not say where the text is") from None
    try:
        return _Text.open(sources, encoding, callback)
    except TextError as error:
        raise RunError(f"{error}; if the text has moved, name it: charrnn evaluate RUN TEXT --split val") from None


def _own_splits(model: LanguageModel, ids: Array) -> dict[str, Array]:
    """The parts as they were in training."""
    parts, start = {}, 0
    for name, size in model.provenance.get("splits", {}).items():
        parts[name] = ids[start : start + size]
        start += size
    return parts
