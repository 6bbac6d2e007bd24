"""The run folder: the place of each file of a run, and how a folder is made, locked, read and resumed."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from charrnn.errors import RunError
from charrnn.runs.files import read_json, write_atomic, write_json
from charrnn.runs.lock import LOCK_FILE, LockedError, is_locked, locked
from charrnn.runs.model_file import MODEL_FILE, read_model
from charrnn.runs.records import Record, check_config, read_record

TAIL_BYTES = 1 << 15  # read from the end of metrics.jsonl to see how far a run is


class RunFolder:
    """`runs/NAME/` and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.metrics = path / "metrics.jsonl"
        self.model = path / MODEL_FILE
        self.checkpoint = path / "checkpoint.safetensors"
        self.previous = path / "checkpoint.previous.safetensors"  # the one before it
        self.counts = path / "counts.safetensors"  # of earlier texts, only if the run takes them along from a model
        self.samples = path / "samples"
        self.text = path / "text.txt"  # only if the text came from standard input
        self.curve = path / "curve.png"

    @classmethod
    @contextmanager
    def begin(cls, out: Path | None, name: str) -> Iterator[RunFolder]:
        """A folder for a new run, locked: `out`, or the first free one of runs/NAME, runs/NAME-2, …

        A folder is free if it does not exist, is empty, or holds a run that never began.

        Raises
        ------
        RunError
            `out` is not free: an existing run is never overwritten.
        """
        for number in itertools.count(1):
            folder = cls(out or Path("runs") / (name if number == 1 else f"{name}-{number}"))
            with ExitStack() as stack:
                free = folder._is_free()  # before a lock is put into what may be another program's folder
                if free:
                    folder._make()
                    try:
                        stack.enter_context(folder.lock())
                        free = folder._is_free()
                    except LockedError:
                        if out is not None:
                            raise
                        continue
                if free:
                    folder._remove_parts()
                    yield folder
                    return
            if out is not None:
                raise RunError(f"'{out}' exists and is never overwritten: choose another --out, or --resume it")

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run folder."""
        folder = cls(Path(path))
        if not folder.config.is_file():
            if folder.samples.is_dir() and folder.never_began():
                raise RunError(f"the run in '{path}' never began: repeat its train command")
            raise RunError(f"'{path}' is not a run folder: it has no config.json")
        return folder

    def never_began(self) -> bool:
        """Whether the process that made the folder ended before its first checkpoint, so that nothing was trained."""
        names = {path.name for path in self.path.iterdir() if path.suffix != ".part"} - {LOCK_FILE}
        known = {path.name for path in (self.config, self.samples, self.text, self.counts, self.model)}
        if not names <= known or (self.samples.is_dir() and any(self.samples.iterdir())):
            return False
        try:
            if self.model.exists() and read_model(self.model).provenance.get("step") != 0:
                return False
            return names <= {self.samples.name} or "settings" in self.read_config()
        except RunError:  # it is not one of ours
            return False

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other process from training in this folder until the block ends, or this process.

        Raises
        ------
        RunError
            Another process is training in it.
        """
        return locked(self.path)

    def in_training(self) -> bool:
        """Whether a process holds the lock now."""
        return is_locked(self.path)

    def _remove_parts(self) -> None:
        """Remove what killed processes left half written; this process holds the lock, so that nothing is in use."""
        for part in self.path.rglob(".*.part"):
            part.unlink(missing_ok=True)

    def _is_free(self) -> bool:
        try:
            return not self.path.exists() or (self.path.is_dir() and self.never_began())
        except OSError as error:
            raise RunError(f"cannot read '{self.path}': {error.strerror}") from None

    def _make(self) -> None:
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the run folder '{self.path}': {error.strerror}") from None

    def write_config(self, values: Mapping[str, Any]) -> None:
        write_json(self.config, values)

    def read_config(self) -> dict[str, Any]:
        """The configuration, in which everything that is used has the right type."""
        values = read_json(self.config)
        try:
            check_config(values)
        except ValueError as error:
            raise RunError(f"'{self.config}' is damaged: {error}") from None
        return values

    def append(self, record: Record) -> None:
        """One more line of metrics.jsonl."""
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise RunError(f"cannot write '{self.metrics}': {error.strerror}") from None

    def sync_metrics(self) -> None:
        """Make sure that the records so far survive a loss of power."""
        try:
            with self.metrics.open("r+b") as file:
                os.fsync(file.fileno())
        except FileNotFoundError:
            pass  # there is no record yet
        except OSError as error:
            raise RunError(f"cannot write '{self.metrics}': {error.strerror}") from None

    def read_metrics(self, skip_damaged: bool = False) -> list[Record]:
        """All records, without a last line that a crash left incomplete; a damaged line is an error or skipped."""
        records = []
        try:
            if self.metrics.exists() and not self.metrics.is_file():
                raise RunError(f"cannot read '{self.metrics}': it is not a file")
            lines = self.metrics.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeError) as error:
            raise RunError(f"cannot read '{self.metrics}': {error}") from None
        for number, line in enumerate(lines, 1):
            try:
                records.append(read_record(line))
            except ValueError as error:  # noqa: PERF203 (each line may fail on its own)
                if number < len(lines) and not skip_damaged:
                    raise RunError(f"'{self.metrics}' is damaged at line {number}: {error}") from None
        return records

    def latest(self) -> Record:
        """The last record, with the latest validation loss near it; empty if there is none. Quick, also in training."""
        try:
            if not self.metrics.is_file():
                return {}
            with self.metrics.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                lines = file.read().splitlines()
        except OSError:
            return {}
        records: list[Record] = []
        for line in lines:
            with suppress(ValueError):  # the first may be cut off, and the last half written
                records.append(read_record(line))
        losses = [record["val_loss"] for record in records if record.get("val_loss") is not None]
        return {**records[-1], "val_loss": losses[-1] if losses else None} if records else {}

    def clean(self, step: int) -> None:
        """Drop the records after a checkpoint's step, and the files that a crash left half written."""
        kept = [record for record in self.read_metrics() if record["step"] <= step]
        self._remove_parts()
        write_atomic(self.metrics, "".join(json.dumps(record) + "\n" for record in kept).encode())

    def write_sample(self, step: int, text: str) -> None:
        write_atomic(self.samples / f"step_{step:08d}.txt", text.encode())
