"""`train`: from a text to a run folder. The command line and `import charrnn` both come in here."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import TrainConfig, known_settings, make_config
from charrnn.errors import ConfigError, RunError, TextError
from charrnn.interrupts import Interrupted
from charrnn.ngrams import Experts
from charrnn.nn.kernels import Kernels
from charrnn.parallel.team import ALONE, Team
from charrnn.runs.files import write_atomic
from charrnn.runs.folder import RunFolder
from charrnn.runs.model_file import read_counts, write_counts
from charrnn.scoring import Evaluation
from charrnn.settings import check_path, check_values
from charrnn.text.corpus import Corpus
from charrnn.text.documents import LIST, LIST_LABEL, ListedDocuments, kept
from charrnn.text.opening import Plan, document_corpus, list_of_documents, open_corpus, source_list
from charrnn.text.reading import STDIN
from charrnn.text.vocabulary import BOUNDARY, Vocabulary
from charrnn.threads import blas_threads
from charrnn.training.announce import complaint, described, draw_curve, network
from charrnn.training.callback import Callback, check_callback
from charrnn.training.forgetting import OldText, find_again, find_old_text, mixed_in
from charrnn.training.init_from import Parent, in_vocabulary, set_rates
from charrnn.training.library_model import with_library_model
from charrnn.training.own_text import open_own_text, remember
from charrnn.training.resolve import resolve, resumed_config
from charrnn.training.run import Run
from charrnn.training.session import Session
from charrnn.training.trainer import Trainer, new_trainer
from charrnn.training.workers import kernels_of_resumed, make_kernels


def train(
    text: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    recipe: str | None = None,
    callback: Callback | None = None,
    team: Team = ALONE,
    **settings: Any,
) -> Run:
    """Train a model on a text and keep everything about it in a run folder.

    Parameters
    ----------
    text : str, path or sequence of them
        UTF-8 files, "-" for standard input, or the name of a library text; the bundled novel by default. Or a list of
        documents, each read from a zero state: 20 strings or more, less than half of them files; with labels, pairs
        (label, text).
    out : path, optional
        The run folder; `runs/TEXT-CELL` by default. An existing run is never overwritten.
    resume : path, optional
        A run folder to resume. Only the settings in `charrnn.config.MAY_CHANGE` may change; the learning rate may only
        be lowered.
    recipe : str or path, optional
        A named recipe or a TOML file, which `settings` override. By default the recipe of the chosen cell. If no cell
        is chosen, "quick", "good" or "best", by the minutes of the budget, or "plain-quick" and so on with
        `ngrams="none"`.
    callback : Callback, optional
        Receives progress; by default it is printed in lines on standard error.
    team : Team, optional
        The processes that share the work: see `charrnn.training.mpi.mpi_team`.
    **settings
        `init_from` is a run folder, a model file or the name of a library text to start from: its settings replace a
        recipe. The others are the fields of `charrnn.config.TrainConfig`, which are also the flags of `charrnn train`.

    Returns
    -------
    Run

    Raises
    ------
    ConfigError, TextError, RunError
        A setting, the text or a folder does not fit; nothing was trained.
    DivergenceError
        The loss stopped being a finite number; the last good parameters are saved.
    KeyboardInterrupt
        Ctrl-C, after saving.
    """
    callback = check_callback(callback)
    out = None if out is None else check_path("out", out)
    resume = None if resume is None else check_path("resume", resume)
    if isinstance(settings.get("init_from"), Path):
        settings["init_from"] = str(settings["init_from"])
    settings = check_values(known_settings(), settings)
    texts = list_of_documents(text)
    sources = [] if texts else source_list(text)
    try:
        settings = with_library_model(settings, sources, callback, train)
        with ExitStack() as stack:
            with blas_threads(1):
                if resume is None:
                    recipe = None if recipe is None else str(recipe)
                    session = _begin(stack, sources, texts, out, recipe, settings, callback, team)
                elif out is not None or recipe is not None:
                    raise ConfigError("a resumed run keeps its folder and recipe: leave out --out and --recipe")
                else:
                    folder = RunFolder.open(resume)
                    stack.enter_context(folder.lock())
                    session = _reopen(folder, sources, settings, callback, team)
            stack.enter_context(blas_threads(session.config.threads))
            callback.on_begin(session.folder.path)
            ended = session.run()
            draw_curve(session.folder, session.provenance, callback)
            if ended.startswith("signal"):
                hint = f"resume with: charrnn train --resume {shlex.quote(str(session.folder.path))}"
                raise Interrupted(f"saved at step {session.progress.step:,}; {hint}", int(ended.split()[1]))
            return _finished(session, ended)
    finally:
        callback.on_end()


def _begin(
    stack: ExitStack,
    sources: list[str],
    texts: list[str] | None,
    out: Path | None,
    recipe: str | None,
    settings: Mapping[str, Any],
    callback: Callback,
    team: Team,
) -> Session:
    """A new run. Everything is checked before its folder is made and, until the stack ends, locked."""
    for part in ("val", "test"):
        if settings.get(part) is not None:
            if sources == [STDIN]:
                raise ConfigError(f"--{part} {settings[part]} needs a text in a file, not on standard input")
            settings = {**settings, part: str(Path(settings[part]).resolve())}
    if texts:
        if settings.get("documents") is not None:
            raise ConfigError(
                f"documents {settings['documents']!r} is for files; a list of strings is documents already"
            )
        if settings.get("label") is not None:
            raise ConfigError(f"label {settings['label']!r} is for files; a list has labels as pairs (label, text)")
        settings = {**settings, "documents": LIST, "label": LIST_LABEL if BOUNDARY in texts[0] else None}
    parent, start = None, None
    if settings.get("init_from") is not None:
        parent = Parent.read(settings["init_from"])
        settings = {**settings, "init_from": str(Path(settings["init_from"]).resolve())}
        start = parent.settings(settings)
    config = resolve(settings, recipe, start=start).config
    own, text = _open(sources, texts, config, callback)
    corpus = parent.joined(own) if parent else own
    splits = corpus.split(config.val_fraction, config.test_fraction)
    counts = parent is not None and parent.model.experts is not None
    config, recipe, remarks = resolve(settings, recipe, len(splits["train"]), start, counts)
    keeps_copy = sources == [STDIN] or texts is not None  # it cannot be read again
    if keeps_copy and config.documents:
        config = replace(config, documents=LIST, label=config.label and LIST_LABEL)  # as the copy is
    kernels = make_kernels(config, team)
    old = find_old_text(parent, corpus.vocabulary, callback.on_reading) if parent else None
    counted = parent.counted(corpus.vocabulary, config.mix_old) if parent else None
    trainer = _trainer(config, corpus, splits["train"], sources, team, kernels, old, counted)
    if parent:
        parent.begin(trainer, corpus.vocabulary)
    folder = stack.enter_context(RunFolder.begin(out, f"{corpus.name.removesuffix('.txt')[:60]}-{config.cell}"))
    session = Session(trainer, corpus, splits, folder, callback)
    if parent:
        set_rates(trainer, corpus.vocabulary, parent.new(corpus.vocabulary))
        session.provenance["parents"] = parent.remembered()
        session.old_text = old
    parameters = len(trainer.params.vector)
    origin: dict[str, Any] = {
        "recipe": recipe,
        "kernels": kernels.name,
        **remember([str(folder.text)] if keeps_copy else sources, folder.path),
    }
    if parent:
        new = parent.new(corpus.vocabulary)
        origin |= {"vocabulary": corpus.vocabulary.characters, "new_characters": new, "takes_counts": bool(counted)}
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    about = {**session.provenance, "settings": config.as_dict(), "parameters": parameters, "versions": versions}
    folder.write_config({**origin, **about})
    if counted:
        write_counts(folder.counts, counted)
    if keeps_copy:  # after config.json, which shows that the folder is a run's
        write_atomic(folder.text, kept(corpus.of_the_list) if isinstance(corpus, ListedDocuments) else text.encode())
    messages = [
        *described(own, text, splits, config),
        *(parent.remarks(corpus, config.mix_old) if parent else ()),
        *remarks,
        *network(trainer, len(splits["train"]), folder.path),
    ]
    del text  # as large as the ids, and no longer needed
    for message in messages:
        callback.on_message(message)
    return session


def _open(sources: list[str], texts: list[str] | None, config: TrainConfig, callback: Callback) -> tuple[Corpus, str]:
    """The text that a new run is to learn, as `open_corpus` returns it."""
    plan = Plan.of(config.as_dict())
    if texts:
        return document_corpus(texts, "list", config.encoding, callback.on_message, plan), ""
    return open_corpus(sources, config.encoding, callback.on_message, callback.on_reading, plan)


def _reopen(
    folder: RunFolder, sources: list[str], changes: Mapping[str, Any], callback: Callback, team: Team
) -> Session:
    """A run as its last checkpoint left it."""
    saved, given = folder.read_config(), bool(sources)
    try:
        config, sha256 = make_config(saved["settings"]), saved["text_sha256"]
        config = resumed_config(config, changes)
        if given:
            plan = Plan.of(config.as_dict())
            corpus, _ = open_corpus(sources, config.encoding, lambda remark: None, callback.on_reading, plan)
        else:
            corpus, _, sources = open_own_text(saved, folder.path, sha256, callback.on_reading)
    except KeyError as error:
        raise RunError(f"'{folder.config}' is damaged: it lacks {error}") from None
    except TextError as error:
        if given:
            raise
        raise RunError(f"{error}; if the text has moved: charrnn train TEXT --resume RUN") from None
    if corpus.sha256 != sha256:
        raise RunError(f"{corpus.name} is not the text that the run was trained on: its SHA-256 differs")
    corpus = replace(corpus, name=saved.get("text", corpus.name))
    if "vocabulary" in saved:  # which is larger than the text's own, since the run started from a model
        corpus = in_vocabulary(corpus, Vocabulary(saved["vocabulary"], corpus.vocabulary.documents))
    splits = corpus.split(config.val_fraction, config.test_fraction)
    kernels, remark = kernels_of_resumed(config, saved.get("kernels", "numpy"), "kernels" in changes, team)
    old = None
    if config.init_from and saved.get("parents"):
        old = find_again(config.init_from, saved["parents"], corpus.vocabulary, callback.on_reading)
    counted = read_counts(folder.counts, corpus.vocabulary.characters) if saved.get("takes_counts") else None
    trainer = _trainer(config, corpus, splits["train"], sources, team, kernels, old, counted)
    if config.init_from and folder.never_began():
        Parent.again(config.init_from, saved["parents"]).begin(trainer, corpus.vocabulary)
    session = Session(trainer, corpus, splits, folder, callback)
    if config.init_from and saved.get("parents"):
        set_rates(trainer, corpus.vocabulary, saved["new_characters"])
        session.provenance["parents"] = saved["parents"]
        session.old_text = old
    if folder.never_began():
        folder.clean(0)
    else:
        session.restore()
    kept = {} if sources == [STDIN] else remember(sources, folder.path)
    folder.write_config({**saved, "settings": config.as_dict(), "kernels": kernels.name, **kept})
    callback.on_message(f"resuming {folder.path} at step {session.progress.step:,}{remark}")
    if session.ended() == "budget":
        callback.on_message("the run has already reached its budget: give a larger one, such as --steps or --minutes")
    elif session.ended() == "patience":
        callback.on_message("the run has already run out of patience: give a larger --patience, or 0 for none")
    return session


def _trainer(
    config: TrainConfig,
    corpus: Corpus,
    train_ids: Array,
    sources: Sequence[str],
    team: Team,
    kernels: Kernels,
    old_text: OldText | None,
    counted: Experts | None,
) -> Trainer:
    ids, old = mixed_in(config, train_ids, old_text)
    trainer = new_trainer(config, corpus.vocabulary.characters, ids, team, kernels, old, counted)
    team.send_setup(config, corpus.vocabulary.characters, ids, sources, corpus.sha256, old, counted)
    return trainer


def _finished(session: Session, ended: str) -> Run:
    model, progress, splits = session.language_model(), session.progress, session.splits
    if session.config.documents and len(splits["val"]):
        model.remember_held_out(splits["val"])
        model.save(session.folder.model)
    val, parent_val = progress.best_val_loss, session.old_text and session.old_text.forgotten(model)
    if session.old_text and parent_val:
        session.callback.on_message(session.old_text.says(*parent_val))
    assert progress.best_step is not None
    warning = complaint(session.folder.read_metrics(), val, len(splits["val"]), session.vocabulary, session.config)
    test = model.evaluate_ids(splits["test"]) if len(splits["test"]) else None
    model.network = copy(model.network)  # which several threads may use, unlike the workers of the training
    return Run(
        path=session.folder.path, config=session.config, model=model, metrics=session.folder.read_metrics(),
        ended=ended, step=progress.step, epoch=session.epoch, seconds=progress.seconds, best_step=progress.best_step,
        val=None if val is None else Evaluation(len(splits["val"]) - 1, val),
        test=test, train_ids=splits["train"], warning=warning, parent_val=parent_val,
    )  # fmt: skip
