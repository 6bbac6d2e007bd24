"""The sweep's folder: what each file in it is, and how a sweep finds there what it has done before."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError, RunError
from charrnn.runs.files import read_json, write_atomic, write_json
from charrnn.runs.folder import RunFolder
from charrnn.sweeps.spec import Spec
from charrnn.version import __version__

Record = dict[str, Any]
TAIL_BYTES = 1 << 15  # of a run's records, to see how far it is
FINISHED, PRUNED, FAILED = "finished", "pruned", "failed"


class SweepFolder:
    """`sweeps/NAME/` and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spec = path / "sweep.json"
        self.session = path / "session"  # names the process whose runs may go on
        self.records = path / "records"
        self.runs = path / "runs"
        self.table = path / "results.csv"
        self.readme = path / "README.md"
        self.best = path / "best"

    @classmethod
    @contextmanager
    def hold(cls, path: Path, spec: Spec, text: Mapping[str, Any]) -> Iterator[SweepFolder]:
        """The folder of a sweep, new or one that the same sweep was begun in; no other process has it meanwhile.

        Raises
        ------
        RunError, ConfigError
            There is something else in it, or another sweep, or another process has it.
        """
        folder = cls(path.resolve())
        if path.exists() and not path.is_dir():
            raise RunError(f"'{path}' exists and is not a sweep's folder: choose another --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder '{path}': {error.strerror}") from None
        with RunFolder(folder.path).lock():
            if folder.spec.is_file():
                folder._compare(read_json(folder.spec), spec, text)
            elif any(path.iterdir()):
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
                    "--out, or put back what stood in it"
                )
        numbers = [int(run.name) for run in self.runs.glob("*") if run.name.isdigit()]
        settings = max(numbers, default=-1) // len(spec.seeds) + 1
        if trials is not None and trials < settings:  # more of them may be wanted than at first
            raise ConfigError(
                f"trials {trials} is too small: {settings} settings were begun in '{self.path}'; give at least so "
                "many, or choose another --out"
            )

    def run(self, number: int) -> Path:
        """Where a run keeps its files."""
        return self.runs / f"{number:03}"

    def begin_session(self) -> str:
        """From now on runs go on only for this process; those that another has left behind save and stop."""
        name = secrets.token_hex(8)
        write_atomic(self.session, name.encode())
        return name

    def end_session(self) -> None:
        """Ask the runs that are going on to save and stop."""
        self.session.unlink(missing_ok=True)

    def is_session(self, name: str) -> bool:
        """Whether a session has neither ended nor been taken over."""
        try:
            return self.session.read_text() == name
        except OSError:
            return False

    def keep(self, record: Record) -> None:
        """What became of a run, by its number."""
        write_json(self.records / f"{record['number']:03}.json", record)

    def forget(self, record: Record) -> None:
        """Let a run be run again; it goes on from its checkpoint, if it has one."""
        (self.records / f"{record['number']:03}.json").unlink()

    def known(self) -> dict[int, Record]:
        """What became of the runs so far."""
        records = [read_json(path) for path in sorted(self.records.glob("*.json"))]
        try:
            return {int(record["number"]): record for record in sorted(records, key=lambda r: int(r["number"]))}
        except (KeyError, TypeError, ValueError):
            raise RunError(f"'{self.records}' is damaged: a record lacks its number") from None

    def name_best(self, number: int) -> None:
        """Make `best` the folder of a run: a link, or where links are not to be had, a copy."""
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
            except OSError as error:  # such as all of copytree's own
                raise RunError(f"cannot copy '{self.run(number)}' to '{self.best}': {error}") from None


def progress(run: Path) -> Mapping[str, Any]:
    """The last record of a run that is going on, with the latest validation loss near it; empty where there is none."""
    try:
        with RunFolder(run).metrics.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return {}
    records: list[Mapping[str, Any]] = []
    for line in lines:
        with suppress(ValueError):  # the first may be half a line, and the last not yet whole
            record = json.loads(line)
            if isinstance(record, dict) and "step" in record:
                records.append(record)
    if not records:
        return {}
    losses = [record["val_loss"] for record in records if record.get("val_loss") is not None]
    return {**records[-1], "val_loss": losses[-1] if losses else None}
