"""The served models: those named on the command line, and no others. A model in training is read again."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from charrnn.errors import CharRNNError, RunError
from charrnn.language_model import LanguageModel, load
from charrnn.runs.folder import RunFolder
from charrnn.runs.model_file import MODEL_FILE
from charrnn.settings import nearest
from charrnn.terminal import printable

LOOK_EVERY = 1.0  # seconds between looks at a file that may have changed
log = logging.getLogger("charrnn.serving")


class UnknownModelError(CharRNNError):
    """No served model has this name."""


class UnsavedModelError(CharRNNError):
    """A run has not saved a model. `pending` says that its training has only begun."""

    def __init__(self, message: str, pending: bool) -> None:
        super().__init__(message)
        self.pending = pending


class Served:
    """One run folder or model file, under the name that clients use.

    Parameters
    ----------
    id : str
        The name.
    path : Path
        A model file, or a run folder, which may have no model yet if a process is training in it.
    """

    def __init__(self, id: str, path: Path) -> None:
        self.id, self.path = id, path
        self.folder = RunFolder(path) if (path / "config.json").is_file() else None
        self.file = path / MODEL_FILE if path.is_dir() else path
        self.created = int(time.time())
        self._lock = threading.Lock()
        self._model: LanguageModel | None = None
        self._version: tuple[int, int, int] | None = None
        self._looked = 0.0
        self._failure = ""  # why there is no model, unless it is still in training
        if not (self.training and not self.file.exists()):
            self._refresh()

    @property
    def training(self) -> bool:
        """Whether a process is training in the folder now."""
        try:
            return self.folder is not None and self.folder.in_training()
        except OSError:  # the folder cannot be read
            return False

    @property
    def model(self) -> LanguageModel:
        """The current model: it is read again when its file has changed.

        Raises
        ------
        UnsavedModelError
            Training has not saved a model yet, or ended before it could.
        """
        with self._lock:
            if time.monotonic() - self._looked > LOOK_EVERY:
                self._look_again()
            if self._model is None and self._failure:
                raise UnsavedModelError(f"model '{self.id}' was never completely saved: train it again", pending=False)
            if self._model is None:
                raise UnsavedModelError(f"model '{self.id}' has only begun to train: it is not saved yet", pending=True)
            return self._model

    def _look_again(self) -> None:
        """Refresh, but only log a failure: it must not stop the other models, nor reveal the path to clients."""
        failure = ""
        try:
            self._refresh()
        except Exception as error:
            failure = str(error) or type(error).__name__
            if failure != self._failure:
                what = "cannot be served" if self._model is None else "is served as it was before"
                log.warning("model '%s' %s: %s", self.id, what, printable(failure))
        self._failure = failure

    def _refresh(self) -> None:
        self._looked = time.monotonic()
        try:
            found = self.file.stat()
        except OSError:
            if self._model is None and not self.training:
                raise RunError(f"there is no model at '{self.file}'") from None
            return  # keep the model that was read
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        if version == self._version:
            return
        self._model = load(self.file)
        self._version, self.created = version, int(found.st_mtime)


class Models:
    """All served models, by name.

    Parameters
    ----------
    paths : iterable of path
        Run folders and model files. A name is the folder's, or the file's without its suffix; equal names are
        numbered.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._served: dict[str, Served] = {}
        for path in map(Path, paths):
            whole = Path(os.path.realpath(path))
            name = whole.parent.name if whole.name == MODEL_FILE else whole.stem if whole.is_file() else whole.name
            name = printable(name)  # it goes into JSON and onto terminals, and may hold any byte
            id, number = name, 1
            while id in self._served:
                number += 1
                id = f"{name}-{number}"
            self._served[id] = Served(id, path)
        if not self._served:
            raise RunError("there is nothing to serve: name a run folder or a model file")

    @property
    def ids(self) -> list[str]:
        return list(self._served)

    def get(self, id: str) -> Served:
        """Return the model of this name.

        Raises
        ------
        UnknownModelError
            No served model has this name.
        """
        if id not in self._served:
            raise UnknownModelError(f"no model is called {id[:60]!r}{nearest(id[:60], self.ids)}")
        return self._served[id]

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())
