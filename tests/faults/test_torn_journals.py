"""A sweep whose study was torn by a kill or a full disk continues; so does one that was killed before it began."""

from __future__ import annotations

import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from charrnn.errors import RunError
from charrnn.sweeps import sweep
from charrnn.sweeps.callback import LineSweepCallback, SweepCallback
from charrnn.sweeps.folder import SweepFolder
from charrnn.sweeps.journal import JOURNAL, open_study
from tests.sweeps.conftest import SETTINGS, TEXT, rows

QUIET = SweepCallback()


@pytest.fixture(autouse=True)
def _no_learning_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charrnn.training.announce.draw_learning_curves", lambda *_: b"")
    monkeypatch.setattr("charrnn.sweeps.results.draw_search", lambda *_: 1 / 0)


def specification(folder: Path, method: str = "tpe", trials: int = 3) -> dict[str, Any]:
    (folder / "clock.txt").write_text(TEXT)
    return {
        "text": str(folder / "clock.txt"), "method": method, "trials": trials, "settings": {**SETTINGS, "steps": 4},
        "search": {"hidden_size": {"low": 2, "high": 30}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    for method in ("tpe", "random"):
        sweep(specification(folder, method), out=folder / method, jobs=1, callback=QUIET)
    return folder


def again(finished: Path, out: Path, trials: int = 3, method: str = "tpe") -> str:
    """What is said when a copy of a finished sweep is resumed; its results must be what they were."""
    lines = io.StringIO()
    sweep(specification(finished, method, trials), out=out, jobs=1, callback=LineSweepCallback(lines))
    assert rows(out)[:3] == rows(finished / method)
    sizes = [trial.params["hidden_size"] for trial in open_study(out).trials]
    assert sizes == [int(row["hidden_size"]) for row in rows(out)]
    assert all(trial.value is not None for trial in open_study(out).trials)
    return lines.getvalue()


@pytest.mark.parametrize("cut", [1, 2, 20, 40, 60, 150, 700, 10**6])
def test_a_torn_journal_is_mended_and_its_sweep_continues(finished: Path, tmp_path: Path, cut: int) -> None:
    shutil.copytree(finished / "tpe", tmp_path / "out", symlinks=True)
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-cut])
    said = again(finished, tmp_path / "out")
    assert ("ends in a broken line: its last" in said) == (cut < 10**6)
    assert "broken line" not in again(finished, tmp_path / "out", trials=4)  # and the next is as if nothing had been


def test_the_whole_last_line_is_cut_at_every_length(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "random", tmp_path / "out", symlinks=True)
    journal = tmp_path / "out" / JOURNAL
    whole = journal.read_bytes()
    for cut in range(1, 61):
        journal.write_bytes(whole[:-cut])
        again(finished, tmp_path / "out", method="random")


DAMAGES = {
    "a line joined to half a line": lambda data: data[: len(data) // 2] + data[len(data) // 2 + 40 :],
    "zeros after a loss of power": lambda data: data[:-30] + bytes(30) + b"\n",
    "another study": lambda data: data.replace(b'"charrnn"', b'"x"'),
    "unknown operations": lambda data: data.replace(b'"op_code":4', b'"op_code":99'),
    "other types": lambda data: data.replace(b'"study_id":0', b'"study_id":[{}]'),
    "settings out of the range": lambda data: data.replace(b'"high":30', b'"high":3000').replace(b":2", b":200"),
    "deep nesting": lambda data: b"[" * 100_000 + b"\n" + data,
    "huge numbers": lambda data: b'{"op_code":' + b"9" * 5000 + b"}\n" + data,
    "nothing": lambda data: b"",
    "noise": lambda data: os.urandom(500) + b"\n",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_made_again_from_the_records(finished: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(finished / "tpe", tmp_path / "out", symlinks=True)
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(DAMAGES[damage](journal.read_bytes()))
    again(finished, tmp_path / "out", trials=4)


def test_a_lost_journal_is_made_again_from_records_and_configurations(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "tpe", tmp_path / "out", symlinks=True)
    (tmp_path / "out" / JOURNAL).unlink()
    (tmp_path / "out/records/002.json").unlink()  # as if it were still in training
    assert "the study lacks 3 of the settings that were begun: they are taken from" in again(finished, tmp_path / "out")


def test_a_journal_that_is_no_file_is_refused(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "tpe", tmp_path / "out", symlinks=True)
    (tmp_path / "out" / JOURNAL).unlink()
    os.mkfifo(tmp_path / "out" / JOURNAL)
    with pytest.raises(RunError, match="is not a file: remove it, and the same command resumes the sweep"):
        again(finished, tmp_path / "out")


def test_a_full_disk_leaves_whole_lines(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(finished / "tpe", tmp_path / "out", symlinks=True)
    before = (tmp_path / "out" / JOURNAL).read_bytes()

    def full(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").endswith(JOURNAL):
            os.ftruncate(handle, os.fstat(handle).st_size - 7)  # only a part of the line has been written
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"cannot write '.*study.journal': No space left on device"):
            again(finished, tmp_path / "out", trials=4)
    assert (tmp_path / "out" / JOURNAL).read_bytes() == before
    again(finished, tmp_path / "out", trials=4)


def test_half_a_line_of_a_killed_worker_does_not_spoil_the_next(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "tpe", tmp_path / "out", symlinks=True)
    study = open_study(tmp_path / "out")
    with (tmp_path / "out" / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    study.set_user_attr("a", 1)
    assert open_study(tmp_path / "out").user_attrs == {"a": 1}


@pytest.mark.parametrize("leftover", ["nothing", "half of sweep.json", "a damaged sweep.json", "a session"])
def test_a_sweep_that_never_began_is_begun_by_the_same_command(tmp_path: Path, leftover: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if leftover == "half of sweep.json":
        (out / ".sweep.json.x1.part").write_text("{")
    if leftover == "a damaged sweep.json":
        (out / "sweep.json").write_text("{")
    if leftover == "a session":
        (out / "sweep.json").write_text("[]")
        (out / "runs").mkdir()
        (out / "records").mkdir()
        SweepFolder(out).begin_session()
    done = sweep(specification(tmp_path, "random", 1), out=out, jobs=1, callback=QUIET)
    assert len(done.records) == 1
    assert not list(out.glob(".*"))
