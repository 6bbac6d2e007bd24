"""The models that are served: those named on the command line, and no others; followed while they still train."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from charrnn.errors import RunError
from charrnn.language_model import LanguageModel, load
from charrnn.runs.folder import RunFolder
from charrnn.runs.model_file import MODEL_FILE
from charrnn.serving.errors import ApiError

LOOK_EVERY = 1.0  # seconds between looks at a file that may have changed
log = logging.getLogger("charrnn.serving")


class Served:
    """One run folder or model file, under the name that clients know it by.

    Parameters
    ----------
    id : str
        The name.
    path : Path
        A run folder, which may still be without a model if a process is training in it, or a model file.
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
        self._failure = ""  # why there is no model, where training does not explain it
        if not (self.training and not self.file.exists()):
            self._refresh()

    @property
    def training(self) -> bool:
        """Whether a process is training in the folder now."""
        return self.folder is not None and self.folder.in_training()

    @property
    def model(self) -> LanguageModel:
        """The model as it is now: read again when its file has changed.

        Raises
        ------
        ApiError
            503: training has begun, but not saved a model yet; or it ended before it could.
        """
        with self._lock:
            if time.monotonic() - self._looked > LOOK_EVERY:
                self._look_again()
            if self._model is None and self._failure:
                raise ApiError(503, f"model '{self.id}' was never saved whole: train it again", "model", "no_model", 60)
            if self._model is None:
                raise ApiError(
                    503, f"model '{self.id}' has only begun to train: none is saved yet", "model", "no_model_yet", 2
                )
            return self._model

    def _look_again(self) -> None:
        """As at the start; but one run without a model must not stop the others, nor tell clients where it lies."""
        failure = ""
        try:
            self._refresh()
        except RunError as error:
            failure = str(error)
            if failure != self._failure:
                log.warning("model '%s' cannot be served: %s", self.id, failure)
        self._failure = failure

    def _refresh(self) -> None:
        self._looked = time.monotonic()
        try:
            found = self.file.stat()
        except OSError:
            if self._model is None and not self.training:
                raise RunError(f"there is no model at '{self.file}'") from None
            return  # what was read once stays readable
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        if version == self._version:
            return
        try:
            self._model = load(self.file)
        except RunError:
            if self._model is None:
                raise
            return
        self._version, self.created = version, int(found.st_mtime)


class Models:
    """All models that are served, by name.

    Parameters
    ----------
    paths : iterable of path
        Run folders and model files. A name is the folder's, or the file's without its ending; equal ones are numbered.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._served: dict[str, Served] = {}
        for path in map(Path, paths):
            whole = path.resolve()
            name = whole.parent.name if whole.name == MODEL_FILE else whole.stem if whole.is_file() else whole.name
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
        """The model of a name.

        Raises
        ------
        ApiError
            404: no model of that name is served.
        """
        if id not in self._served:
            raise ApiError(
                404, f"no model is called {id[:60]!r}: there is {', '.join(self.ids)}", "model", "model_not_found"
            )
        return self._served[id]

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())
