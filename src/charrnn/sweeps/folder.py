"""The sweep's folder: its files, and how a sweep finds in them the runs that it has already done."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError, RunError
from charrnn.runs.files import read_json, write_atomic, write_json
from charrnn.runs.folder import RunFolder
from charrnn.runs.lock import LOCK_FILE
from charrnn.settings import SHOWN_PATH, check_value, shown
from charrnn.sweeps.space import Settings
from charrnn.sweeps.spec import MOST_SEEDS, MOST_SETTINGS, Spec
from charrnn.units import CHARACTER, UNITS
from charrnn.version import __version__
from charrnn.whole_file import remove_abandoned

Record = dict[str, Any]
FINISHED, PRUNED, FAILED = "finished", "pruned", "failed"
MOST_RUNS = MOST_SETTINGS * MOST_SEEDS


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
        folder = cls(Path(os.path.realpath(path)))  # a loop of links is no error of this function
        if path.exists() and not path.is_dir():
            raise RunError(f"'{path}' exists and is not a sweep's folder: choose another --out")
        _make(path)
        with RunFolder(folder.path).lock():
            if folder._was_begun(path):
                folder._compare(read_json(folder.spec), spec, text)
            write_json(folder.spec, {**spec.as_json(), **text, "charrnn": __version__})
            _make(folder.records)
            _make(folder.runs)
            for each in (folder.path, folder.records):
                remove_abandoned(each)
            yield folder

    def _was_begun(self, path: Path) -> bool:
        """Whether a sweep was begun here; one that was killed before its first run is begun again.

        Raises
        ------
        RunError
            The folder holds something else.
        """
        others = [file.name for file in self.path.iterdir() if file.name != LOCK_FILE and file.suffix != ".part"]
        if self.spec.name not in others:
            if others:
                raise RunError(f"'{path}' exists and is not a sweep's folder: choose another --out")
            return False
        if any(self.path.glob("runs/*")) or any(self.path.glob("records/*")):
            return True
        try:
            read_json(self.spec)
        except RunError:  # damaged, and there is nothing to lose
            return False
        return True

    def _compare(self, begun: Mapping[str, Any], spec: Spec, text: Mapping[str, Any]) -> None:
        """Refuse another sweep than the one that was begun here."""
        wanted = {**spec.as_json(), "text_sha256": text["text_sha256"]}
        recipes, trials = wanted.pop("recipes"), wanted.pop("trials")
        for name, value in wanted.items():
            if begun.get(name) != value:
                raise ConfigError(
                    f"the sweep in '{self.path}' was begun with another {name} ({shown(begun.get(name), SHOWN_PATH)}, "
                    f"now {shown(value, SHOWN_PATH)}): choose another --out"
                )
        known = begun.get("recipes")
        for name, content in recipes.items():
            if isinstance(known, dict) and known.get(name, content) != content:
                raise ConfigError(
                    f"the recipe '{name}' has changed since the sweep in '{self.path}' began: choose another --out, or "
                    "restore the recipe"
                )
        numbers = [int(run.name) for run in self.runs.glob("*") if run.name.isdecimal()]
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
            return self.session.is_file() and self.session.read_bytes() == name.encode()
        except OSError:
            return False

    def keep(self, record: Record) -> None:
        """Write the record of a run."""
        write_json(self.records / f"{record['number']:03}.json", record)

    def forget(self, record: Record) -> None:
        """Delete a record, so that its run is run again, from its checkpoint if it has one."""
        (self.records / f"{record['number']:03}.json").unlink()

    def known(self, spec: Spec) -> dict[int, Record]:
        """The records of all runs that are done, in the order of their numbers.

        Raises
        ------
        RunError
            A record is damaged.
        """
        records = [read_record(path, spec) for path in self.records.glob("*.json")]
        return {record["number"]: record for record in sorted(records, key=lambda record: int(record["number"]))}

    def begun_settings(self, spec: Spec, records: Mapping[int, Record]) -> dict[int, Settings]:
        """The searched settings by their number, of all runs that are done or have a configuration."""
        found = {record["setting"]: record["settings"] for record in records.values()}
        for number in (int(run.name) for run in self.runs.glob("*") if run.name.isdecimal()):
            with suppress(RunError):  # such a run is begun again
                config = RunFolder(self.run(number)).read_config()
                values = {**config, **_table(config.get("settings"))}
                settings = {name: values.get(name) for name in spec.search}
                if all(each.holds(settings[name]) for name, each in spec.search.items()):
                    found.setdefault(number // len(spec.seeds), settings)
        return found

    def name_best(self, number: int) -> None:
        """Make `best` a link to the folder of a run, or a copy where links cannot be made."""
        part = self.path / ".best.part"
        with suppress(OSError):
            part.unlink()
        try:
            part.symlink_to(os.path.join(self.runs.name, self.run(number).name), target_is_directory=True)
            if self.best.is_dir() and not self.best.is_symlink():  # a copy, made elsewhere
                shutil.rmtree(self.best)
            os.replace(part, self.best)
        except OSError:
            with suppress(OSError):
                part.unlink()
            shutil.rmtree(self.best, ignore_errors=True)
            try:
                shutil.copytree(self.run(number), self.best)
            except OSError as error:  # copytree's own errors are among them
                raise RunError(f"cannot copy '{self.run(number)}' to '{self.best}': {error}") from None


NUMBERS = {
    "val_nats_per_char": "float | None", "test_nats_per_char": "float | None", "best_step": "int | None",
    "step": "int | None", "epoch": "float | None", "seconds": "float | None", "parameters": "int | None",
}  # fmt: skip


def read_record(path: Path, spec: Spec) -> Record:
    """The record of a run, checked.

    Raises
    ------
    RunError
        It cannot be read, is damaged, or is of no run of this sweep.
    """
    remedy = "remove it, and the run is done again, from its checkpoint if it has one"
    if not path.is_file():
        raise RunError(f"'{path}' is not a file: {remedy}")
    record = read_json(path)
    try:
        number = check_value("number", record.get("number"), "int", least=0, most=MOST_RUNS)
        setting, place = divmod(number, len(spec.seeds))
        state = check_value("state", record.get("state"), "str", choices=(FINISHED, PRUNED, FAILED))
        for name, value in {"setting": setting, "seed": spec.seeds[place]}.items():
            check_value(name, record.get(name), "int", least=value, most=value)
        settings = _table(record.get("settings"))
        for name, each in spec.search.items():
            if not each.holds(settings.get(name)):
                raise ConfigError(f"{name} {shown(settings.get(name))} is not among those searched")
        for name, kind in NUMBERS.items():
            check_value(name, record.get(name), kind.removesuffix(" | None") if _needed(name, state) else kind)
        check_value("unit", record.get("unit", CHARACTER), "str", choices=UNITS)
        splits = record.get("splits")
        if splits is not None and not {"train", "val"} <= _table(splits).keys():
            raise ConfigError(f"its splits are {shown(splits)}")
        for part, characters in _table(splits).items():
            check_value(f"splits.{shown(part)}", characters, "int", least=0)
        if path.name != f"{number:03}.json":
            raise ConfigError(f"it is the record of run {number:03}")
        if state == FAILED and not isinstance(record.get("error"), str):
            raise ConfigError("its error is missing")
    except ConfigError as error:
        raise RunError(f"'{path}' is damaged: {error}: {remedy}") from None
    return {**record, "settings": {name: settings[name] for name in spec.search}}


def _needed(name: str, state: str) -> bool:
    return (state == FINISHED and name == "val_nats_per_char") or (state != FAILED and name == "step")


def _table(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {}


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder '{path}': {error.strerror}") from None
