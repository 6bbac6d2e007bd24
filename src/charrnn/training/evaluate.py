"""`evaluate`: how well a run's model predicts a text. `charrnn evaluate` and `import charrnn` both come in here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from charrnn.arrays import Array
from charrnn.config import AUTO, SETTINGS
from charrnn.errors import ConfigError, RunError, TextError
from charrnn.language_model import LanguageModel, load
from charrnn.runs.folder import RunFolder
from charrnn.scoring import Evaluation, LabelEvaluation
from charrnn.settings import check_path, check_value
from charrnn.text.corpus import SPLITS, Corpus, text_sha256
from charrnn.text.documents import DocumentCorpus, count_documents, form_of_files, written_out
from charrnn.text.labels import LabelledDocument, symbol
from charrnn.text.library import read_text
from charrnn.text.mapped import recoded
from charrnn.text.opening import ONE_TEXT, Plan, open_corpus, source_list
from charrnn.threads import blas_threads
from charrnn.training.callback import Callback, check_callback
from charrnn.training.dynamic import evaluate_dynamic
from charrnn.training.in_context import evaluate_in_context
from charrnn.training.init_from import in_vocabulary
from charrnn.training.own_text import open_own_text
from charrnn.training.workers import share_work
from charrnn.units import unit_of

PARTS = {"train": "training split", "val": "validation split", "test": "test split", "text": "whole text"}


@dataclass(frozen=True)
class RunEvaluation(Evaluation):
    """The mean loss of a run's model on a text, or on a part of one."""

    split: str  # "train", "val" or "test": a part of the run's own text; "text": a whole text
    text_sha256: str
    documents: int | None = None  # their number, where the text is a list of them; `characters` counts their ends, too
    labels: LabelEvaluation | None = None  # of a model of labelled documents
    in_context: Evaluation | None = None  # with counts that take in the text just scored, and parameters that stay
    dynamic: Evaluation | None = None  # with parameters that keep learning on the text just scored, and such counts

    @property
    def unit(self) -> str:
        """Over what the losses are means: "character", or "symbol" and what counts as one."""
        return unit_of(self.documents is not None, self.labels is not None)

    @property
    def nats_per_document(self) -> float:
        """The mean surprise at a whole document, its end included."""
        return self.nats_per_char * self.characters / self.documents if self.documents else math.nan

    def as_dict(self) -> dict[str, Any]:
        """The figures by name, as `charrnn evaluate --json` prints them."""
        names = ("split", "characters", "nats_per_char", "bits_per_char", "perplexity", "text_sha256")
        values = {name: getattr(self, name) for name in names}
        if self.documents is not None:
            values |= {"documents": self.documents, "nats_per_document": self.nats_per_document}
            values["unit"] = self.unit
        if self.labels is not None:
            values |= self.labels.as_dict()
        for how, result in (("in_context", self.in_context), ("dynamic", self.dynamic)):
            for name in ("nats_per_char", "bits_per_char") if result else ():
                values[f"{how}_{name}"] = getattr(result, name)
        return values


def evaluate(
    run: str | Path,
    text: str | Path | Sequence[str | Path] = (),
    *,
    split: str | None = None,
    encoding: str = "utf-8",
    in_context: bool = False,
    dynamic: bool = False,
    dynamic_rate: float | None = None,
    on_unknown: str = "error",
    workers: int | str = AUTO,
    callback: Callback | None = None,
    on_result: Callable[[RunEvaluation], None] = lambda result: None,
) -> RunEvaluation:
    """Evaluate a run's model on a text, with the state carried through it from zero on.

    Parameters
    ----------
    run : path
        A run folder, or a model file; a model file needs a text.
    text : str, path or sequence of them
        Files, "-" for standard input, or the name of a library text; by default the run's own text.
    split : {"train", "val", "test"}, optional
        A part of the run's own text; by default "val", or the whole text if one is named.
    encoding : str
        The encoding of the files in `text`.
    in_context : bool
        Also evaluate with counts that include the text scored so far. Only a model with experts has counts.
    dynamic : bool
        Also evaluate with parameters that learn from the text scored so far; the counts of experts also include it.
    dynamic_rate : float, optional
        The learning rate of `dynamic`. With 0 the parameters do not change; in a model with counts, only the mixture
        learns.
    on_unknown : {"error", "skip"}
        What to do with characters that the model's vocabulary lacks.
    workers : int or "auto"
        Threads that share the work; they change only how long it takes.
    callback : Callback, optional
        Receives messages and the progress of reading a large text; by default they are printed on standard error.
    on_result : callable
        Called with the result so far before each further evaluation, which takes longer, and at the end.

    Raises
    ------
    ConfigError, TextError, RunError
        An argument, the text or the run does not fit, or `in_context` is given for a model without experts.
    DivergenceError
        The learning rate of `dynamic` is too large.
    """
    run, dynamic = check_path("run", run), check_value("dynamic", dynamic, "bool")
    check_value("in_context", in_context, "bool")
    rate = check_value("dynamic_rate", dynamic_rate, "float | None", least=0)
    if dynamic_rate is not None and not dynamic:
        raise ConfigError(f"--dynamic-rate {dynamic_rate:g} has no effect without --dynamic")
    if split is not None:
        check_value("split", split, "str", choices=SPLITS)
    workers = SETTINGS["workers"].check(workers)
    callback, sources = check_callback(callback), source_list(text)
    with blas_threads(1):
        model = load(run)
        share_work(model.network.kernels, workers)
        if in_context and model.experts is None:
            raise ConfigError(
                f"'{run}' has no counts to add a text to: leave out --in-context, or train with --ngrams auto"
            )
        try:
            if sources:
                plan = ONE_TEXT
                if model.vocabulary.documents:
                    plan = Plan.of(model.provenance.get("settings", {}))._replace(named={})
                    form, label = form_of_files(plan.documents, plan.label)
                    plan = plan._replace(documents=form, label=label)
                    how = "".join(f" --{k} {v}" for k, v in (("documents", plan.documents), ("label", plan.label)) if v)
                    callback.on_message(f"reads documents as the run did:{how}")
                corpus, words = open_corpus(sources, encoding, callback.on_message, callback.on_reading, plan)
            else:
                corpus, words = _own_text(model, run, callback)
        finally:
            callback.on_end()
        own = corpus.sha256 == model.provenance.get("text_sha256")
        if split and not own:
            raise ConfigError(f"--split {split} is a part of the run's own text, not of {corpus.name}: leave it out")
        split = split or ("text" if sources else "val")
        ids = _ids(model, corpus, words, split, on_unknown)
        if ids is None:
            words = read_text(sources, encoding).text
            if text_sha256(words) != corpus.sha256:
                raise TextError(f"{corpus.name} changed while it was read: wait until no program writes to it")
            ids = model.vocabulary.encode(words, on_unknown)
        if split == "text" and len(ids) < len(corpus.ids):
            callback.on_message(f"skipped {len(corpus.ids) - len(ids):,} unknown characters")
        elif split != "text" and not isinstance(corpus, DocumentCorpus):
            ids = _split(model, ids, split)
        if len(ids) < 2:
            raise TextError(f"the {PARTS[split]} has {len(ids)} characters: it takes at least 2 to predict one")
        static = model.evaluate_ids(ids)
        documents = count_documents(ids) if isinstance(corpus, DocumentCorpus) else None
        labels = None
        if model.labels:
            listed = written_out(ids, model.vocabulary, model.labels)
            labels = model.evaluate_labels([LabelledDocument.of(document) for document in listed])
        result = RunEvaluation(static.characters, static.nats_per_char, split, corpus.sha256, documents, labels)
        on_result(result)
        if in_context and model.experts:
            adapted = evaluate_in_context(model.network, model.params, ids, model.experts)
            result = replace(result, in_context=adapted)
            on_result(result)
        if dynamic:
            result = replace(result, dynamic=evaluate_dynamic(model.network, model.params, ids, rate, model.experts))
            on_result(result)
    return result


def _ids(model: LanguageModel, corpus: Corpus, words: str, split: str, on_unknown: str) -> Array | None:
    """The ids of a text for the model, of a list those of the split; None if a large text has to be read for them."""
    if not isinstance(corpus, DocumentCorpus):
        return model.vocabulary.encode(words, on_unknown) if words else recoded(corpus, model.vocabulary)
    if split != "text":  # of the run's own list, whose characters the model knows
        settings = model.provenance["settings"]
        own = in_vocabulary(corpus, model.vocabulary)
        return own.split(settings["val_fraction"], settings["test_fraction"])[split]
    pairs = [LabelledDocument.of(document) for document in corpus.documents]
    symbols = [symbol(model.labels, label) for label, _ in pairs] if model.labels else []
    return model.vocabulary.encode_documents((text for _, text in pairs), on_unknown, symbols)


def _own_text(model: LanguageModel, run: Path, callback: Callback) -> tuple[Corpus, str]:
    """The text that a run was trained on, read again, as `open_corpus` does."""
    if not run.is_dir():
        raise RunError(f"'{run}' is a model without its text: name a TEXT to evaluate it on")
    saved, sha256 = RunFolder.open(run).read_config(), model.provenance.get("text_sha256")
    try:
        corpus, words, _ = open_own_text(saved, run, str(sha256), callback.on_reading)
    except KeyError:
        raise RunError(f"'{run}/config.json' is damaged: it does not say where the text is") from None
    except TextError as error:
        raise RunError(f"{error}; if the text has moved, name it: charrnn evaluate RUN TEXT --split val") from None
    if corpus.sha256 != sha256:
        raise RunError(f"the text {corpus.name} has changed since the run: name a TEXT to evaluate it on")
    return corpus, words


def _split(model: LanguageModel, ids: Array, split: str) -> Array:
    """A split as it was in training; the model file holds the sizes, in order."""
    start = 0
    for name, size in model.provenance.get("splits", {}).items():
        if name == split:
            return ids[start : start + size]
        start += size
    raise RunError(f"the model does not record the {PARTS[split]}: leave out --split")
