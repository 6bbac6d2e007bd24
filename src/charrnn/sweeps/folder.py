"""The sweep's folder: its files, and how a sweep finds in them the runs that it has already done."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError, RunError
from charrnn.runs.files import read_json, write_atomic, write_json
from charrnn.runs.folder import RunFolder
from charrnn.runs.lock import LOCK_FILE
from charrnn.sweeps.spec import Spec
from charrnn.version import __version__
from charrnn.whole_file import remove_abandoned

Record = dict[str, Any]
FINISHED, PRUNED, FAILED = "finished", "pruned", "failed"


def count_states(records: Iterable[Record]) -> dict[str, int]:
    """The number of runs in each state."""
    states = [record["state"] for record in records]
    return {state: states.count(state) for state in (FINISHED, PRUNED, FAILED)}


class SweepFolder:
    """`sweeps/NAME/` and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spec = path / "sweep.json"
        self.session = path / "session"  # names the process whose runs may continue
        self.records = path / "records"
        self.runs = path / "runs"
        self.table = path / "results.csv"
        self.readme = path / "README.md"
        self.best = path / "best"

    @classmethod
    @contextmanager
    def hold(cls, path: Path, spec: Spec, text: Mapping[str, Any]) -> Iterator[SweepFolder]:
        """The folder of a sweep, new or with the same sweep begun in it, locked against other processes.

        Raises
        ------
        RunError, ConfigError
            It holds something else or another sweep, or another process has it.
        """
        folder = cls(path.resolve())
        if path.exists() and not path.is_dir():
            raise RunError(f"'{path}' exists and is not a sweep's folder: choose another --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder '{path}': {error.strerror}") from None
        with RunFolder(folder.path).lock():
            remove_abandoned(folder.path)
            if folder.spec.is_file():
                folder._compare(read_json(folder.spec), spec, text)
            elif any(item.name != LOCK_FILE and item.suffix != ".part" for item in path.iterdir()):
                raise RunError(f"'{path}' exists and is not a sweep's folder: choose another --out")
            write_json(folder.spec, {**spec.as_json(), **text, "charrnn": __version__})
            folder.records.mkdir(exist_ok=True)
            folder.runs.mkdir(exist_ok=True)
            yield folder

    def _compare(self, begun: Mapping[str, Any], spec: Spec, text: Mapping[str, Any]) -> None:
        """Refuse another sweep than the one that was begun here."""
        wanted = {**spec.as_json(), "text_sha256": text["text_sha256"]}
        recipes, trials = wanted.pop("recipes"), wanted.pop("trials")
        for name, value in wanted.items():
            if begun.get(name) != value:
                raise ConfigError(
                    f"the sweep in '{self.path}' was begun with another {name} ({begun.get(name)!r}, now {value!r}): "
                    "choose another --out"
                )
        for name, content in recipes.items():
            if begun.get("recipes", {}).get(name, content) != content:
                raise ConfigError(
                    f"the recipe '{name}' is not what it was when the sweep in '{self.path}' was begun: choose another "
                    "--out, or restore the recipe"
                )
        numbers = [int(run.name) for run in self.runs.glob("*") if run.name.isdigit()]
        settings = max(numbers, default=-1) // len(spec.seeds) + 1
        if trials is not None and trials < settings:  # it may be raised
            raise ConfigError(
                f"trials {trials} is too small: {settings} settings were begun in '{self.path}'; give at least "
                f"{settings}, or choose another --out"
            )

    def run(self, number: int) -> Path:
        """The folder of a run."""
        return self.runs / f"{number:03}"

    def begin_session(self) -> str:
        """From now on runs continue only for this process; those of an earlier one save and stop."""
        name = secrets.token_hex(8)
        write_atomic(self.session, name.encode())
        return name

    def end_session(self) -> None:
        """Ask the runs in training to save and stop."""
        self.session.unlink(missing_ok=True)

    def is_session(self, name: str) -> bool:
        """Whether a session has neither ended nor been replaced."""
        try:
            return self.session.read_text() == name
        except OSError:
            return False

    def keep(self, record: Record) -> None:
        """Write the record of a run."""
        write_json(self.records / f"{record['number']:03}.json", record)

    def forget(self, record: Record) -> None:
        """Delete a record, so that its run is run again, from its checkpoint if it has one."""
        (self.records / f"{record['number']:03}.json").unlink()

    def known(self) -> dict[int, Record]:
        """The records of all runs that are done, in the order of their numbers."""
        try:
            records = {int(record["number"]): record for record in map(read_json, self.records.glob("*.json"))}
        except (KeyError, TypeError, ValueError):
            raise RunError(f"'{self.records}' is damaged: a record lacks its number") from None
        return dict(sorted(records.items()))

    def name_best(self, number: int) -> None:
        """Make `best` a link to the folder of a run, or a copy where links cannot be made."""
        part = self.path / ".best.part"
        if part.is_symlink() or part.is_file():
            part.unlink()
        try:
            part.symlink_to(os.path.join(self.runs.name, self.run(number).name), target_is_directory=True)
            if self.best.is_dir() and not self.best.is_symlink():  # a copy, made elsewhere
                shutil.rmtree(self.best)
            os.replace(part, self.best)
        except OSError:
            part.unlink(missing_ok=True)
            shutil.rmtree(self.best, ignore_errors=True)
            try:
                shutil.copytree(self.run(number), self.best)
            except OSError as error:  # copytree's own errors are among them
                raise RunError(f"cannot copy '{self.run(number)}' to '{self.best}': {error}") from None
