"""The place of a run's own text: how a run records it, and finds it again after the run or its project has moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from charrnn.errors import RunError, TextError
from charrnn.language_model import LanguageModel
from charrnn.runs.folder import RunFolder
from charrnn.text.corpus import Corpus
from charrnn.text.documents import DocumentCorpus, written_out
from charrnn.text.labels import LabelledDocument
from charrnn.text.library import LIBRARY
from charrnn.text.opening import Plan, open_corpus


def remember(sources: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """What config.json says of the sources: their full paths, and their paths from the run folder.

    Names of library texts stay as they are.
    """
    remembered = {"sources": [str(Path(s).resolve()) if Path(s).exists() else s for s in sources]}
    if all(Path(source).exists() for source in sources):
        try:
            near = [os.path.relpath(source, folder.resolve()) for source in remembered["sources"]]
        except ValueError:  # Windows: on another drive
            return remembered
        remembered["relative_sources"] = near
    return remembered


def open_own_text(
    saved: Mapping[str, Any], folder: Path, sha256: str, tell: Callable[[str, float], None]
) -> tuple[Corpus, str, list[str]]:
    """A run's text, as `open_corpus` returns it, and its sources: the first place where it is, by its SHA-256.

    If no text has that SHA-256, the first text that was found.

    Raises
    ------
    TextError
        There is no text in any of the places.
    KeyError
        The configuration `saved` lacks a part.
    """
    first: tuple[Corpus, str, list[str]] | None = None
    for sources in _places(saved, folder):
        settings = saved["settings"]
        how = Plan.of(settings)
        corpus, words = open_corpus(sources, settings["encoding"], lambda remark: None, tell, how)
        first = first or (corpus, words, sources)
        if corpus.sha256 == sha256:
            return corpus, words, sources
    if first is None:
        missing = next((source for source in saved["sources"] if not _is_there(source)), "")
        raise TextError(f"'{missing}' is neither a file nor the name of a corpus (see: charrnn corpora)")
    return first


def _places(saved: Mapping[str, Any], folder: Path) -> Iterator[list[str]]:
    """The sources where the run may find its text: near it, where they were, and in its folder."""
    seen: list[list[str]] = []
    for places in (
        [os.path.normpath(folder.resolve() / near) for near in saved.get("relative_sources", ())],
        saved["sources"],
        [str(folder / Path(source).name) for source in saved["sources"]],
    ):
        if len(places) == len(saved["sources"]) and places not in seen and all(map(_is_there, places)):
            seen.append(places)
            yield places


def _is_there(source: str) -> bool:
    """Whether a source is a file (no pipe or device, which might never end) or a library text."""
    return Path(source).is_file() or (source in LIBRARY and not Path(source).exists())


def training_documents(model: LanguageModel, run: Path) -> frozenset[str]:
    """The documents that a run's model was trained on.

    Raises
    ------
    RunError, TextError
        They cannot be found: the reason, for a message.
    """
    sha256, settings = model.provenance.get("text_sha256"), model.provenance.get("settings", {})
    if not run.is_dir() or not settings.get("documents"):
        raise RunError(f"'{run}' is a model file, which does not say where its list is: name its run folder")
    try:
        corpus, _, _ = open_own_text(RunFolder.open(run).read_config(), run, str(sha256), lambda what, share: None)
    except KeyError:
        raise RunError(f"'{run}/config.json' is damaged: it does not say where the list is") from None
    if not isinstance(corpus, DocumentCorpus) or corpus.sha256 != sha256:
        raise TextError(f"the list {corpus.name} has changed since the run: put back the one that it was trained on")
    train = corpus.split(settings["val_fraction"], settings["test_fraction"])["train"]
    return frozenset(LabelledDocument.of(each).text for each in written_out(train, corpus.vocabulary, corpus.labels))
