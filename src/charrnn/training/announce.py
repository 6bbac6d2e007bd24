"""What a run says of itself: its text and how it is split, and a sample of what it has learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charrnn.arrays import Array
from charrnn.config import TrainConfig
from charrnn.language_model import LanguageModel
from charrnn.runs.records import Record
from charrnn.text.corpus import Corpus
from charrnn.text.documents import DocumentCorpus, count_documents, looks_like_a_list
from charrnn.training.guessing import worse_than_guessing

SAMPLE_DOCUMENTS = 10


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
        if lines := looks_like_a_list(text):
            yield f"this looks like a list of {lines:,} lines, but is read as one text: --documents lines?"
        return
    sizes = ", ".join(f"{name} {count_documents(ids):,}" for name, ids in splits.items() if len(ids))
    repeats = f"{corpus.repeats:,} of them repeats" + (" (dropped)" if config.unique else "") if corpus.repeats else ""
    total = len(corpus.shares) + (corpus.repeats if config.unique else 0)
    distinct = len(corpus.vocabulary) - 1 - len(corpus.labels)
    labels = f", {len(corpus.labels)} labels" if corpus.labels else ""
    yield (
        f"documents of {corpus.name}: {total:,}, {repeats or 'no repeats'}; {len(corpus.ids) - 1:,} symbols with the "
        f"boundaries, {distinct} distinct characters{labels}; by a hash of each document, so that equal ones "
        f"fall on the same side: {sizes}"
    )


def sample_text(model: LanguageModel, length: int, **sampling: Any) -> str:
    """A sample that shows what a model has learned: a text, or several documents, one a line."""
    if not model.vocabulary.documents:
        return model.generate(length=length, **sampling)
    return "\n".join(model.generate_many(SAMPLE_DOCUMENTS, length=length, **sampling))


def complaint(
    metrics: Sequence[Record], best: float | None, val_characters: int, vocab_size: int, config: TrainConfig
) -> str | None:
    """What to say of a run whose latest loss is worse than guessing, and not its best."""
    name, label = ("val_loss", "validation") if val_characters else ("train_loss", "training")
    losses = [record[name] for record in metrics if record.get(name) is not None]
    if not losses or losses[-1] == best:
        return None
    words = worse_than_guessing(losses[-1], vocab_size)
    return words and f"{label} at the end {words}; try a smaller --learning-rate (it was {config.learning_rate:g})"
