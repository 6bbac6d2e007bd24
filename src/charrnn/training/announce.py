"""What a run says of itself: its text and how it is split, and a sample of what it has learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from charrnn.arrays import Array
from charrnn.config import TrainConfig
from charrnn.figures.learning_curve import draw_learning_curves
from charrnn.language_model import LanguageModel
from charrnn.ngrams.blocks import Blocks
from charrnn.runs.files import write_atomic
from charrnn.runs.folder import RunFolder
from charrnn.runs.records import Record
from charrnn.text.corpus import Corpus
from charrnn.text.documents import DocumentCorpus, count_documents, looks_like_a_list
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.callback import Callback
from charrnn.training.guessing import worse_than_guessing
from charrnn.training.trainer import Trainer
from charrnn.units import unit_of
from charrnn.version import __version__

SAMPLE_DOCUMENTS = 10
MUCH = 5_000_000  # characters to validate: an evaluation takes minutes
ENOUGH = 1_000_000  # for a loss of three digits
HOLDS_TEXT = "which holds nearly all of the training text (--ngrams none: a model without it)"


def described(corpus: Corpus, text: str, splits: Mapping[str, Array], config: TrainConfig) -> Iterator[str]:
    """What the text of a run is, in one line, and a question where it may have been meant otherwise.

    Parameters
    ----------
    text : str
        The text itself; empty if it is large, or documents.
    """
    if not isinstance(corpus, DocumentCorpus):
        sizes = ", ".join(f"{name} {len(ids):,}" for name, ids in splits.items() if len(ids))
        characters, distinct = len(corpus.ids), len(corpus.vocabulary)
        how = "by file" if corpus.sizes else "by position"
        yield f"text {corpus.name}: {characters:,} characters, {distinct} distinct; {how}: {sizes}"
        if (validated := len(splits["val"])) > MUCH and not config.val:
            yield (
                f"each evaluation reads all {validated:,} characters of the validation split, which takes minutes: "
                f"--val-fraction {ENOUGH / characters:.1g} makes it smaller"
            )
        if lines := looks_like_a_list(text):
            yield f"this looks like a list of {lines:,} lines, but is read as one text: --documents lines?"
        return
    sizes = ", ".join(f"{name} {count_documents(ids):,}" for name, ids in splits.items() if len(ids))
    repeats = f"{corpus.repeats:,} of them repeats" + (" (dropped)" if config.unique else "") if corpus.repeats else ""
    named = [f"--{part}" for part in ("val", "test") if getattr(config, part)]
    total = corpus.number + (corpus.repeats if config.unique else 0)
    distinct = len(corpus.vocabulary) - 1 - len(corpus.labels)
    labels = f", {len(corpus.labels)} labels" if corpus.labels else ""
    yield (
        f"documents of {' and '.join([corpus.name, *named])}: {total:,}, {repeats or 'no repeats'}; "
        f"{len(corpus.ids) - 1:,} symbols with the boundaries, {distinct} distinct characters{labels}; by a hash of "
        f"each document, so that equal ones fall on the same side: {sizes}"
    )


def network(trainer: Trainer, characters: int, folder: Path) -> Iterator[str]:
    """What is trained on the characters of the training split, and where it is kept."""
    config, team = trainer.config, trainer.team
    if team.size > 1:
        yield f"{team.size} processes share the {config.batch_size} lanes of each batch"
    yield (
        f"model: {config.num_layers} × {config.hidden_size} {config.cell}, {len(trainer.params.vector):,} parameters; "
        f"{config.batching} batches of {config.batch_size} × {config.seq_len} characters; run folder {folder}"
    )
    if (experts := trainer.experts) is not None:
        yield (
            f"it knows the counts of {' and '.join(experts.names)}: {len(experts.tables.keys):,} contexts, "
            f"{experts.megabytes:.1f} MB in the model file, {HOLDS_TEXT}"
        )
        counted = int(Blocks(characters).times[-1]) + 1
        if counted < characters:
            yield f"the counts are those of {counted:,} of its {characters:,} characters, evenly spread"


def provenance(config: TrainConfig, corpus: Corpus, splits: Mapping[str, Array]) -> dict[str, Any]:
    """Where a run's model comes from, as its file says: settings, text and splits.

    The place of the model that it started from is left out: it is this machine's business.
    """
    return {
        "charrnn": __version__,
        "settings": {
            name: value for name, value in {**config.as_dict(), "init_from": None}.items() if name != "workers"
        },
        "text": corpus.name,
        "text_sha256": corpus.sha256,
        "characters": len(corpus.ids),
        "splits": {name: len(ids) for name, ids in splits.items()},
        **({"documents": {n: count_documents(ids) for n, ids in splits.items()}} if config.documents else {}),
        **({"labels": list(corpus.labels)} if isinstance(corpus, DocumentCorpus) and corpus.labels else {}),
    }


def sample_text(model: LanguageModel, length: int, **sampling: Any) -> str:
    """A sample that shows what a model has learned: a text, or several documents, one a line."""
    if not model.vocabulary.documents:
        return model.generate(length=length, **sampling)
    return "\n".join(model.generate_many(SAMPLE_DOCUMENTS, length=length, **sampling))


def draw_curve(folder: RunFolder, about: Mapping[str, Any], callback: Callback) -> None:
    """Draw curve.png. A run without matplotlib, or too short for a record, has none: no figure is worth a run."""
    sizes = about["splits"]
    title = f"{about['text']}: first {sizes['train']:,} characters train"
    if sizes["val"]:
        title += f", next {sizes['val']:,} validate"
    if documents := about.get("documents"):
        validate = f", {documents['val']:,} validate" if documents["val"] else ""
        title = f"{about['text']}: {documents['train']:,} documents train{validate}"
    records, unit = folder.read_metrics(), unit_of(bool(documents), bool(about.get("labels")))
    try:
        write_atomic(folder.curve, draw_learning_curves({folder.path.name: records}, title, "png", unit))
    except Exception as error:
        callback.on_message(f"no curve.png: {error}")


def complaint(
    metrics: Sequence[Record], best: float | None, val_characters: int, vocabulary: Vocabulary, config: TrainConfig
) -> str | None:
    """What to say of a run whose latest loss is worse than guessing, and not its best."""
    name, label = ("val_loss", "validation") if val_characters else ("train_loss", "training")
    losses = [record[name] for record in metrics if record.get(name) is not None]
    if not losses or losses[-1] == best:
        return None
    words = worse_than_guessing(losses[-1], len(vocabulary), vocabulary.unit)
    return words and f"{label} at the end {words}; try a smaller --learning-rate (it was {config.learning_rate:g})"
