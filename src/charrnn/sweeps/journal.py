"""`study.journal`: Optuna's study of a sweep, a line for each change, which all workers share.

A kill or a full disk may leave half a line at its end. It is cut off before the next line is written, and when the
sweep is resumed; settings and outcomes that are missing then are taken from the records of the runs, which are whole.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from charrnn.errors import RunError

JOURNAL = "study.journal"
STUDY = "charrnn"
TRIED_FIRST = 5  # settings that are complete before any is ended early
LEAST_REPORTS = 4  # of a run before it may be ended early
LOCK_SECONDS = 10  # after which the lock of a process that was killed is broken

Say = Callable[[str], None]


def import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise RunError("methods 'random' and 'tpe' need Optuna: pip install 'charrnn[sweep]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def open_study(folder: Path | None) -> Any:
    """The study in a sweep's folder; without a folder, one in memory."""
    optuna, storage = import_optuna(), None
    if folder is not None:
        storage = optuna.storages.JournalStorage(_Journal(folder / JOURNAL))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIED_FIRST, n_warmup_steps=LEAST_REPORTS)
    return optuna.create_study(study_name=STUDY, storage=storage, pruner=pruner, load_if_exists=True)


def mend_study(folder: Path, fits: Callable[[Any], bool], say: Say) -> Any:
    """The study of a sweep that begins: what is no line of the journal is cut off; one that does not fit is put aside.

    Only one process may do so at a time; workers use `open_study`.
    """
    path = folder / JOURNAL
    if not os.path.lexists(path):
        return open_study(folder)
    journal = _Journal(path)
    with journal.changing() as file:
        end, size = _whole_lines(file), file.seek(0, os.SEEK_END)
        if end < size:
            say(f"'{path}' ends in a broken line: its last {size - end:,} bytes are cut off")
            file.truncate(end)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's, of ranges that nobody gave
            study = open_study(folder)
        if fits(study):
            return study
    except (OSError, RunError):
        raise
    except Exception:  # a damaged journal can raise anything in Optuna
        pass
    aside = path.with_name(f"{JOURNAL}.damaged")
    os.replace(path, aside)
    say(f"'{path}' is damaged: it is now '{aside.name}', and the study begins again from the records of the runs")
    return open_study(folder)


class _Journal:
    """Optuna's journal in a file, which half a line does not spoil."""

    def __init__(self, path: Path) -> None:
        from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

        self.path = path
        if os.path.lexists(path) and not path.is_file():
            raise RunError(f"'{path}' is not a file: remove it, and the same command resumes the sweep")
        self.lock = JournalFileSymlinkLock(str(path), LOCK_SECONDS)
        try:
            self.file = JournalFileBackend(str(path), self.lock)
        except OSError as error:
            raise RunError(f"cannot write '{path}': {error.strerror}") from None

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        logs: Iterator[dict[str, Any]] = self.file.read_logs(log_number_from)
        return logs

    def append_logs(self, logs: Iterable[Mapping[str, Any]]) -> None:
        """Write lines, all of them or none."""
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with self.changing() as file:
            end = _whole_end(file)
            file.truncate(end)
            file.seek(end)
            try:
                file.write(data)
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(end)
                raise

    @contextmanager
    def changing(self) -> Iterator[BinaryIO]:
        """The file, unbuffered, while no other process writes to it."""
        self.lock.acquire()
        try:
            with self.path.open("r+b", buffering=0) as file:
                yield file
        except OSError as error:
            raise RunError(f"cannot write '{self.path}': {error.strerror}") from None
        finally:
            self.lock.release()


def _whole_lines(file: BinaryIO) -> int:
    """The length of the lines that are JSON objects, up to the first that is not."""
    end = 0
    for line in file.read().splitlines(keepends=True):
        try:
            if not (line.endswith(b"\n") and isinstance(json.loads(line), dict)):
                return end
        except (ValueError, RecursionError):
            return end
        end += len(line)
    return end


def _whole_end(file: BinaryIO) -> int:
    """The length without half a line at the end."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 4096)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
