"""What a run that starts from a model forgets: the loss on that model's own validation split, before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.config import TrainConfig
from charrnn.errors import CharRNNError, ConfigError
from charrnn.language_model import LanguageModel
from charrnn.runs.folder import RunFolder
from charrnn.scoring import Evaluation
from charrnn.text.mapped import MappedIds
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.init_from import Parent, in_vocabulary
from charrnn.training.own_text import open_own_text
from charrnn.units import with_units

MOST = 200_000  # characters of the split that are evaluated: some seconds


class OldText(NamedTuple):
    """The text of the model that a run starts from, in the vocabulary of the run."""

    name: str
    train: Array  # (N,)
    val: Array  # (N,) the validation split, or its beginning
    whole: bool  # all of the split
    before: Evaluation  # of the model itself
    documents: bool
    unit: str  # of its losses

    def forgotten(self, model: LanguageModel) -> tuple[Evaluation, Evaluation]:
        """The loss on the old validation split: of the model before, and of a run's model."""
        return self.before, model.evaluate_ids(self.val)

    def says(self, before: Evaluation, after: Evaluation) -> str:
        """Both losses, in one line."""
        part = "validation split" if self.whole else f"first {len(self.val):,} characters of the validation split"
        return (
            f"{part} of the text before ({self.name}): {with_units(before.nats_per_char, self.unit)} before, "
            f"{with_units(after.nats_per_char, self.unit)} after"
        )


def find_old_text(parent: Parent, vocabulary: Vocabulary, tell: Callable[[str, float], None]) -> OldText | None:
    """The text that a model was trained on, found by its SHA-256 from its run folder; None if it is not there.

    The vocabulary of one text has no boundary: documents are then not found either.
    """
    model, path = parent.model, parent.path
    settings, sha256 = model.provenance.get("settings", {}), str(model.provenance.get("text_sha256"))
    if not path.is_dir() or (model.vocabulary.documents and not vocabulary.documents):
        return None
    try:
        corpus, _, _ = open_own_text(RunFolder.open(path).read_config(), path, sha256, tell)
        if corpus.sha256 != sha256:
            return None
        splits = in_vocabulary(corpus, vocabulary).split(settings["val_fraction"], settings["test_fraction"])
        val = in_vocabulary(corpus, model.vocabulary).split(settings["val_fraction"], settings["test_fraction"])["val"]
    except (CharRNNError, KeyError):
        return None
    if len(val) < 2:
        return None
    before = model.evaluate_ids(val[:MOST])
    return OldText(
        corpus.name,
        splits["train"],
        splits["val"][:MOST],
        len(val) <= MOST,
        before,
        model.vocabulary.documents,
        model.vocabulary.unit,
    )


def mixed_in(config: TrainConfig, ids: Array, old: OldText | None) -> tuple[Array, int]:
    """The ids (N,) that a run trains on, and how many of them, the last, are those of the old text.

    Raises
    ------
    ConfigError
        The old text was asked for and is not there, or does not go together with the new one.
    """
    if not config.mix_old:
        return ids, 0
    if old is None:
        raise ConfigError(
            f"mix_old {config.mix_old:g} needs the text of '{config.init_from}': name a run folder, put its text back "
            "where it was, or leave out mix_old"
        )
    if old.documents != (config.documents is not None):
        kinds = ("documents", "one text") if old.documents else ("one text", "documents")
        raise ConfigError(f"mix_old cannot mix {kinds[0]} (before) with {kinds[1]}: leave it out, or train on the same")
    if isinstance(ids, MappedIds) or isinstance(old.train, MappedIds):
        raise ConfigError("mix_old needs texts that fit into memory: this one has 64 MB or more")
    return np.concatenate([ids, old.train]), len(old.train)


def find_again(
    init_from: str, parents: Sequence[Mapping[str, Any]], vocabulary: Vocabulary, tell: Callable[[str, float], None]
) -> OldText | None:
    """As `find_old_text`, for a run that is resumed: also None if the model is gone or has changed."""
    try:
        parent = Parent.read(init_from)
    except CharRNNError:
        return None
    return find_old_text(parent, vocabulary, tell) if parent.sha256 == parents[0].get("sha256") else None
