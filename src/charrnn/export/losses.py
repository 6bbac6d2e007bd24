"""What an export costs: the loss of a run's model on its own validation split, before and after each change."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from charrnn.arrays import Array
from charrnn.errors import RunError, TextError
from charrnn.language_model import LanguageModel
from charrnn.runs.folder import RunFolder
from charrnn.text.documents import DocumentCorpus
from charrnn.text.mapped import recoded
from charrnn.training.callback import Callback
from charrnn.training.init_from import in_vocabulary
from charrnn.training.own_text import open_own_text


class Loss(NamedTuple):
    """A loss on the validation split."""

    change: str  # that was made before it: "as trained", or a change and all those before it
    nats_per_char: float


def own_splits(run: Path, model: LanguageModel, callback: Callback) -> tuple[Array, str]:
    """The ids of a run's validation split, and its training split as text ("" if that is too large for memory).

    Raises
    ------
    RunError, TextError
        The text cannot be found, or is not what it was: the reason, for a message.
    """
    if not run.is_dir():
        raise RunError("a model file does not say where its text is")
    saved, sha256 = RunFolder.open(run).read_config(), model.provenance.get("text_sha256")
    try:
        corpus, words, _ = open_own_text(saved, run, str(sha256), callback.on_reading)
    except KeyError:
        raise RunError("config.json does not say where the text is") from None
    finally:
        callback.on_end()
    if corpus.sha256 != sha256:
        raise TextError(f"the text {corpus.name} has changed since the run")
    if isinstance(corpus, DocumentCorpus):
        parts = in_vocabulary(corpus, model.vocabulary).split(
            saved["settings"]["val_fraction"], saved["settings"]["test_fraction"]
        )
        if not len(parts["val"]):
            raise TextError("the run has no validation split")
        return parts["val"], model.vocabulary.decode(parts["train"])
    ids = model.vocabulary.encode(words) if words else recoded(corpus, model.vocabulary)
    splits = model.provenance.get("splits", {})
    first, size = splits.get("train", 0), splits.get("val", 0)
    if ids is None or size < 2:
        raise TextError("the run has no validation split")
    return ids[first : first + size], words[:first]
