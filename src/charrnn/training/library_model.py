"""A model of a library text, to start from by the text's name: trained once, and kept in the cache.

It is made by the default recipe, which is the same on every machine, and takes about a minute. A file of it in the
package would be as large as all the rest. The cache keeps what a later run needs: the model, and the run's settings,
by which its text is found again.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from charrnn.runs.folder import RunFolder
from charrnn.runs.lock import LockedError
from charrnn.runs.model_file import MODEL_FILE
from charrnn.text.library import LIBRARY, cache_folder, read_text
from charrnn.text.reading import STDIN
from charrnn.training.callback import Callback, ProgressReport
from charrnn.version import __version__

MODELS = "models"
KEPT = ("config.json", MODEL_FILE)
UNFINISHED = ".unfinished"
WAIT_SECONDS = 0.5


class Beforehand(Callback):
    """Passes on what is worth seeing of a run before the run that was asked for."""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback

    def on_reading(self, what: str, share: float) -> None:
        self.callback.on_reading(what, share)

    def on_progress(self, progress: ProgressReport) -> None:
        self.callback.on_progress(progress)


def is_library_model(init_from: str | None) -> bool:
    """Whether a run starts from the model of a library text: a file or folder of that name goes first."""
    return init_from in LIBRARY and not os.path.exists(init_from)


def library_model(name: str, callback: Callback, train: Callable[..., Any], **settings: Any) -> Path:
    """The folder of the model of a library text, which is trained first if the cache has none of this version.

    Training that was interrupted goes on where it was saved.

    Parameters
    ----------
    train : function
        `charrnn.train`.
    **settings
        Of the training, in place of the recipe's: for tests.
    """
    folder = kept_model(name)
    if (folder / KEPT[-1]).exists():
        return folder
    unfinished = folder.with_name(folder.name + UNFINISHED)
    callback.on_message(
        f"there is no model of '{name}' in the cache yet: training one with the default settings, which takes about a "
        f"minute and is done once; it is kept in {folder}"
    )
    shown = Beforehand(callback)
    try:
        if unfinished.exists() and not RunFolder(unfinished).never_began():
            run = train(resume=unfinished, callback=shown)
        else:
            run = train((name,), out=unfinished, callback=shown, **settings)
    except LockedError:  # another process trains it, such as another trial of a sweep
        callback.on_message(f"another process is training the model of '{name}': waiting for it")
        while unfinished.exists() and RunFolder(unfinished).in_training():
            time.sleep(WAIT_SECONDS)
        return library_model(name, callback, train, **settings)
    callback.on_message(f"trained the model of '{name}': {run.val.nats_per_char:.4f} nats/char on its validation split")
    folder.mkdir(parents=True, exist_ok=True)
    for each in KEPT:  # the model last: a folder that has it is whole
        os.replace(unfinished / each, folder / each)
    shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def kept_model(name: str) -> Path:
    """Where the cache keeps the model of a library text: another version of charrnn may train another."""
    return cache_folder() / MODELS / f"{name}-{__version__}"


def with_library_model(
    settings: Mapping[str, Any], sources: Sequence[str], callback: Callback, train: Callable[..., Any]
) -> dict[str, Any]:
    """Settings in which the name of a library text to start from is replaced by the folder of its model.

    Raises
    ------
    TextError
        One of the sources is not there: no model is trained for nothing.
    """
    name = settings.get("init_from")
    if name is None or not is_library_model(name):
        return dict(settings)
    for source in sources:
        if source not in LIBRARY and source != STDIN and not os.path.exists(source):
            read_text([source])
    return {**settings, "init_from": str(library_model(name, callback, train))}
