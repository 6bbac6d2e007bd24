"""`train`: from a text to a run folder. The command line and `import charrnn` both come in here."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import BUDGET, MAY_CHANGE, TrainConfig, known_settings, make_config
from charrnn.errors import ConfigError, RunError, TextError
from charrnn.figures.learning_curve import draw_learning_curves
from charrnn.interrupts import Interrupted
from charrnn.language_model import LanguageModel
from charrnn.parallel.team import ALONE, Team
from charrnn.runs.files import write_atomic
from charrnn.runs.folder import Record, RunFolder
from charrnn.scoring import Evaluation, evaluate, longest_copy
from charrnn.settings import check_values
from charrnn.text.corpus import Corpus
from charrnn.text.opening import open_corpus
from charrnn.text.reading import STDIN
from charrnn.threads import blas_threads
from charrnn.training.callback import Callback, LineCallback
from charrnn.training.resolve import Choice
from charrnn.training.session import Session
from charrnn.training.trainer import Trainer, new_trainer
from charrnn.version import __version__

LONGEST_SEARCHED = 5_000_000  # characters: a second or two


@dataclass(frozen=True)
class Run:
    """A finished run. `model` has the parameters of the best validation loss."""

    path: Path
    config: TrainConfig
    model: LanguageModel
    metrics: list[Record]
    ended: str  # "budget" or "patience"
    step: int
    epoch: float
    seconds: float  # of training alone
    best_step: int
    val: Evaluation | None  # of the whole validation split, with the best parameters
    test: Evaluation | None  # likewise, where a test split was asked for
    train_ids: np.ndarray = field(repr=False)  # what it was trained on

    def longest_copy(self, text: str) -> str | None:
        """The longest piece of a text that stands in the training split; None where that is too long to be searched."""
        if len(self.train_ids) > LONGEST_SEARCHED:
            return None
        return longest_copy(text, self.model.vocabulary.decode(np.asarray(self.train_ids)))


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
        UTF-8 files, "-" for standard input, or the name of a library text; the bundled novel by default.
    out : path, optional
        The run folder; `runs/TEXT-CELL` by default. An existing run is never overwritten.
    resume : path, optional
        A run folder to go on with. Only the budget and what is watched may be changed.
    recipe : str or path, optional
        A named recipe or a TOML file; `settings` go before it. By default that of the cell, if one is chosen, else
        "quick", "good" or "best", by the minutes there are.
    callback : Callback, optional
        Hears of progress; lines on standard error by default.
    team : Team, optional
        The processes that share the work: see `charrnn.training.mpi.mpi_team`.
    **settings
        The fields of `charrnn.config.TrainConfig`, which are also the flags of `charrnn train`.

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
    callback = callback or LineCallback()
    settings = check_values(known_settings(), settings)
    sources = [str(source) for source in ([text] if isinstance(text, str | Path) else text)]
    try:
        with ExitStack() as held:
            with blas_threads(1):
                if resume is not None:
                    if out is not None or recipe is not None:
                        raise ConfigError("a resumed run keeps its folder and recipe: leave out --out and --recipe")
                    folder = RunFolder.open(resume)
                    held.enter_context(folder.lock())
                    session, splits = _reopen(folder, sources, settings, callback, team)
                else:
                    recipe = None if recipe is None else str(recipe)
                    session, splits = _begin(sources, Path(out) if out else None, recipe, settings, callback, team)
                    held.enter_context(session.folder.lock())
            held.enter_context(blas_threads(session.config.threads))
            callback.on_begin(session.folder.path)
            ended = session.run()
            _draw_curve(session)
            if ended.startswith("signal"):
                hint = f"go on with: charrnn train --resume {shlex.quote(str(session.folder.path))}"
                raise Interrupted(f"saved at step {session.progress.step:,}; {hint}", int(ended.split()[1]))
            return _finished(session, splits, ended)
    finally:
        callback.on_end()


def _begin(
    sources: list[str],
    out: Path | None,
    recipe: str | None,
    settings: Mapping[str, Any],
    callback: Callback,
    team: Team,
) -> tuple[Session, dict[str, np.ndarray]]:
    """A new run: everything is checked before its folder is made."""
    choice = Choice.of(settings, recipe)
    config = choice.config
    corpus, text = open_corpus(sources, config.encoding, callback.on_message, callback.on_reading)
    splits = corpus.split(config.val_fraction, config.test_fraction)
    config, why = choice.for_characters(len(splits["train"]))
    trainer = _trainer(config, corpus, splits["train"], sources, team)
    folder = RunFolder.create(out, f"{corpus.name.removesuffix('.txt')[:60]}-{config.cell}")
    if sources == [STDIN]:  # it cannot be read again: the run keeps it
        write_atomic(folder.text, text.encode())
        sources = [str(folder.text)]
    del text  # as long as the ids, and not needed any more
    provenance = _provenance(corpus, splits, config)
    folder.write_config(
        {
            "recipe": choice.recipe,
            "sources": _absolute(sources),
            **provenance,
            "parameters": len(trainer.params.vector),
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
        }
    )
    sizes = ", ".join(f"{name} {len(ids):,}" for name, ids in splits.items() if len(ids))
    callback.on_message(
        f"text {corpus.name}: {len(corpus.ids):,} characters, {len(corpus.vocabulary)} distinct; by position: {sizes}"
    )
    for remark in why:
        callback.on_message(remark)
    if team.size > 1:
        callback.on_message(f"{team.size} processes share the {config.batch_size} lanes of each batch")
    callback.on_message(
        f"model: {config.num_layers} × {config.hidden_size} {config.cell}, {len(trainer.params.vector):,} parameters; "
        f"{config.batching} batches of {config.batch_size} × {config.seq_len} characters; run folder {folder.path}"
    )
    return Session(trainer, config, folder, callback, corpus.vocabulary, splits["val"], provenance), splits


def _reopen(
    folder: RunFolder, sources: list[str], changes: Mapping[str, Any], callback: Callback, team: Team
) -> tuple[Session, dict[str, np.ndarray]]:
    """A run to go on with, from its last checkpoint."""
    saved = folder.read_config()
    try:
        config, wanted = make_config(saved["settings"]), str(saved["text_sha256"])
        given, sources = bool(sources), sources or list(saved["sources"])
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"'{folder.config}' is damaged: {error!r}") from None
    config = _changed(config, changes)
    try:
        corpus, _ = open_corpus(sources, config.encoding, lambda remark: None, callback.on_reading)
    except TextError as error:
        if given:
            raise
        raise RunError(f"{error}; if the text has moved: charrnn train TEXT --resume RUN") from None
    if corpus.sha256 != wanted:
        raise RunError(f"{corpus.name} is not the text that the run was trained on: its SHA-256 differs")
    splits = corpus.split(config.val_fraction, config.test_fraction)
    session = Session(
        _trainer(config, corpus, splits["train"], sources, team),
        config, folder, callback, corpus.vocabulary, splits["val"], _provenance(corpus, splits, config),
    )  # fmt: skip
    session.restore()
    kept = saved["sources"] if sources == [STDIN] else _absolute(sources)
    folder.write_config({**saved, "settings": config.as_dict(), "sources": kept})
    callback.on_message(f"resuming {folder.path} at step {session.progress.step:,}")
    if session.ended() == "budget":
        callback.on_message("the run has already reached its budget: give a larger one, such as --steps or --minutes")
    elif session.ended() == "patience":
        callback.on_message("the run has already run out of patience: give a larger --patience, or 0 for none")
    return session, splits


def _changed(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """The configuration of a resumed run. A new budget replaces the old one as a whole."""
    new = make_config(changes, config)
    after = new.as_dict()
    for name, value in config.as_dict().items():
        if name not in MAY_CHANGE and after[name] != value:
            raise ConfigError(
                f"a resumed run keeps its {name} {value!r} (asked for: {after[name]!r}); "
                f"only {', '.join(sorted(MAY_CHANGE))} may change"
            )
    if any(changes.get(name) is not None for name in BUDGET):
        new = replace(new, **{name: None for name in BUDGET if changes.get(name) is None})  # type: ignore[arg-type]
    return new


def _trainer(config: TrainConfig, corpus: Corpus, train_ids: np.ndarray, sources: Sequence[str], team: Team) -> Trainer:
    trainer = new_trainer(config, len(corpus.vocabulary), train_ids, team)
    team.send_setup(config, len(corpus.vocabulary), train_ids, sources, corpus.sha256)
    return trainer


def _absolute(sources: Sequence[str]) -> list[str]:
    """Files by their full paths; names of library texts as they are."""
    return [str(Path(source).resolve()) if Path(source).exists() else source for source in sources]


def _provenance(corpus: Corpus, splits: dict[str, np.ndarray], config: TrainConfig) -> dict[str, Any]:
    return {
        "charrnn": __version__,
        "settings": config.as_dict(),
        "text": corpus.name,
        "text_sha256": corpus.sha256,
        "characters": len(corpus.ids),
        "splits": {name: len(ids) for name, ids in splits.items()},
    }


def _draw_curve(session: Session) -> None:
    """curve.png; a run without matplotlib, or too short for a record, goes without. No figure is worth a run."""
    records = session.folder.read_metrics()
    title = f"{session.provenance['text']}: first {session.provenance['splits']['train']:,} characters train"
    if len(session.val_ids):
        title += f", next {len(session.val_ids):,} validate"
    try:
        write_atomic(session.folder.curve, draw_learning_curves({session.folder.path.name: records}, title))
    except Exception as error:
        session.callback.on_message(f"no curve.png: {error}")


def _finished(session: Session, splits: dict[str, np.ndarray], ended: str) -> Run:
    model = session.language_model()
    progress = session.progress
    val = None
    if progress.best_val_loss is not None:
        val = Evaluation(len(splits["val"]) - 1, progress.best_val_loss)
    test = evaluate(model.network, model.params, splits["test"]) if len(splits["test"]) else None
    assert progress.best_step is not None
    return Run(
        session.folder.path, session.config, model, session.folder.read_metrics(), ended,
        progress.step, session.epoch, progress.seconds, progress.best_step, val, test, splits["train"],
    )  # fmt: skip
