"""Writing a file so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def whole_file(path: Path, previous: Path | None = None) -> Iterator[BinaryIO]:
    """A file that appears under its name when the block is done, and not at all if the block fails.

    The data is written to a file beside it and synced; then the file is renamed and the folder synced, so that the name
    always leads to a whole file. The old file is kept as `previous`, if given.
    The file beside it is locked while it is written: see `remove_abandoned`.

    Raises
    ------
    OSError
        The file cannot be written; the old one is unchanged.
    """
    handle, part = _locked_part(path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no open file
            os.chmod(part, 0o666 & ~_umask())
            if previous is not None and path.exists():
                _keep(path, previous)
            os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_abandoned(folder: Path) -> None:
    """Remove the half-written files of processes that were killed; those in use are locked.

    Where the file system has no locks, nothing is removed.
    """
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            handle = os.open(part, os.O_RDWR)
            try:
                if fcntl is not None:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    part.unlink()
            finally:
                os.close(handle)


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, under which it stays when another file takes its first."""
    previous.unlink(missing_ok=True)
    try:
        os.link(path, previous)
    except OSError:  # a file system without links: for a moment, only the second name exists
        os.replace(path, previous)


def _locked_part(path: Path) -> tuple[int, str]:
    """A new file beside `path`, locked until it is closed."""
    while True:
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        if fcntl is not None:
            with suppress(OSError):  # no locks here
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(part):
            return handle, part
        os.close(handle)  # another process has removed it before it was locked


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened to be synced
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
