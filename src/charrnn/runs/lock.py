"""The lock of a folder: one process at a time, for as long as it lives."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charrnn.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".lock"  # a file of its own, open for writing: NFS locks nothing else exclusively
TAKEN = (errno.EACCES, errno.EAGAIN)
NO_LOCKS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS)  # the file system has none
TRIES = 3  # `is_locked` holds the lock for microseconds
BETWEEN_S = 0.02


class LockedError(RunError):
    """Another process holds the lock."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the lock file is removed at the end.

    Raises
    ------
    RunError
        It cannot be locked; as a LockedError, because another process holds the lock.
    """
    if fcntl is None:  # not POSIX
        yield
        return
    path = folder / LOCK_FILE
    try:
        handle = _acquire(path)
    except OSError as error:
        raise RunError(f"cannot lock '{folder}': {error.strerror}") from None
    if handle is None:
        raise LockedError(f"another process is training in '{folder}': wait for it, or stop it")
    try:
        yield
    finally:
        try:
            path.unlink()
        except OSError:
            pass  # the folder is gone, or cannot be written any more; the lock ends with the handle
        finally:
            os.close(handle)


def is_locked(folder: Path) -> bool:
    """Whether a process holds the folder's lock."""
    if fcntl is None:
        return False
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in TAKEN
    else:
        return False
    finally:
        os.close(handle)


def _acquire(path: Path) -> int | None:
    """A handle that holds the lock, or None if another process does."""
    for left in reversed(range(TRIES)):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass  # its last holder has removed it meanwhile
        except OSError as error:
            if error.errno in NO_LOCKS:
                return handle
            if error.errno not in TAKEN:
                os.close(handle)
                raise
        os.close(handle)
        if left:
            time.sleep(BETWEEN_S)
    return None
