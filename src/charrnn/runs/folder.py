"""The run folder: the place of each file of a run, and how a folder is made, locked, read and resumed."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from charrnn.errors import RunError
from charrnn.runs.files import read_json, write_atomic, write_json
from charrnn.runs.model_file import MODEL_FILE

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Record = dict[str, Any]
TAIL_BYTES = 1 << 15  # read from the end of metrics.jsonl to see how far a run is


class RunFolder:
    """`runs/NAME/` and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.metrics = path / "metrics.jsonl"
        self.model = path / MODEL_FILE
        self.checkpoint = path / "checkpoint.safetensors"
        self.samples = path / "samples"
        self.text = path / "text.txt"  # only if the text came from standard input
        self.curve = path / "curve.png"

    @classmethod
    def create(cls, out: Path | None, name: str) -> RunFolder:
        """A new, empty run folder: `out`, or the first free one of runs/NAME, runs/NAME-2, …

        Raises
        ------
        RunError
            `out` exists and is not empty: an existing run is never overwritten.
        """
        path = out or Path("runs") / name
        try:
            if out is not None:
                if out.exists() and (not out.is_dir() or any(out.iterdir())):
                    raise RunError(f"'{out}' exists and is never overwritten: choose another --out, or --resume it")
            else:
                number = 1
                while path.exists():
                    number += 1
                    path = Path("runs") / f"{name}-{number}"
            (path / "samples").mkdir(parents=True)
        except OSError as error:
            raise RunError(f"cannot make the run folder '{path}': {error.strerror}") from None
        return cls(path)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run folder."""
        folder = cls(Path(path))
        if not folder.config.is_file():
            raise RunError(f"'{path}' is not a run folder: it has no config.json")
        return folder

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process from training in this folder until the block ends, or this process.

        Raises
        ------
        RunError
            Another process is training in it.
        """
        if fcntl is None:  # not POSIX
            yield
            return
        handle = os.open(self.path, os.O_RDONLY)
        try:
            if not _locked(handle, fcntl.LOCK_EX):
                raise RunError(f"another process is training in '{self.path}': wait for it, or stop it")
            yield
        finally:
            os.close(handle)

    def in_training(self) -> bool:
        """Whether a process holds the lock now."""
        if fcntl is None:
            return False
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            return not _locked(handle, fcntl.LOCK_SH, tries=1)
        finally:
            os.close(handle)

    def write_config(self, values: Mapping[str, Any]) -> None:
        write_json(self.config, values)

    def read_config(self) -> dict[str, Any]:
        return read_json(self.config)

    def append(self, record: Record) -> None:
        """One more line of metrics.jsonl."""
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise RunError(f"cannot write '{self.metrics}': {error.strerror}") from None

    def read_metrics(self) -> list[Record]:
        """All records, without a last line that a crash left incomplete."""
        records = []
        try:
            lines = self.metrics.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeError) as error:
            raise RunError(f"cannot read '{self.metrics}': {error}") from None
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                if not (isinstance(record, dict) and {"step", "epoch"} <= record.keys()):
                    raise ValueError("not a record")
                records.append(record)
            except ValueError:  # noqa: PERF203 (each line may fail on its own)
                if number < len(lines):
                    raise RunError(f"'{self.metrics}' is damaged at line {number}") from None
        return records

    def latest(self) -> Record:
        """The last record, with the latest validation loss near it; empty if there is none. Quick, also in training."""
        try:
            with self.metrics.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                lines = file.read().splitlines()
        except OSError:
            return {}
        records: list[Record] = []
        for line in lines:
            with suppress(ValueError):  # the first may be cut off, and the last half written
                record = json.loads(line)
                if isinstance(record, dict) and "step" in record:
                    records.append(record)
        losses = [record["val_loss"] for record in records if record.get("val_loss") is not None]
        return {**records[-1], "val_loss": losses[-1] if losses else None} if records else {}

    def clean(self, step: int) -> None:
        """Drop the records after a checkpoint's step, and the files that a crash left half written."""
        kept = [record for record in self.read_metrics() if record["step"] <= step]
        for part in self.path.rglob(".*.part"):
            part.unlink(missing_ok=True)
        write_atomic(self.metrics, "".join(json.dumps(record) + "\n" for record in kept).encode())

    def write_sample(self, step: int, text: str) -> None:
        write_atomic(self.samples / f"step_{step:08d}.txt", text.encode())


def _locked(handle: int, kind: int, tries: int = 3) -> bool:
    """Whether the lock was acquired, or the file system has none. `in_training` holds it for microseconds: retry."""
    for left in reversed(range(tries)):
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return True
        except OSError as error:  # noqa: PERF203 (each try may fail)
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                return True
            if left:
                time.sleep(0.02)
    return False
