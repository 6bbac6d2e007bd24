"""Folders of runs that never began, that have moved, that others lock, or that lie."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import charrnn
from charrnn.errors import RunError
from charrnn.runs import lock as lock_module
from charrnn.runs.folder import RunFolder
from charrnn.runs.lock import is_locked, locked
from tests.training.test_runs import Listener, train

posix = pytest.mark.skipif(os.name != "posix", reason="the locks and names are POSIX's")


@posix
def test_a_run_killed_at_any_call_before_its_first_checkpoint_is_begun_anew_or_continued() -> None:
    command = [sys.executable, "-m", "tests.torture.syscalls", "--stride", "100"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert (result.returncode, result.stdout.count("\n")) == (0, 1), result.stdout + result.stderr


@pytest.mark.parametrize("way", ["begin", "resume"])
@pytest.mark.parametrize("name", ["checkpoint.safetensors", "config.json"])
def test_a_run_whose_first_write_failed_can_be_begun(
    name: str, way: str, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def fill_up(old: str, new: Path) -> None:
        if Path(new).name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(old, new)

    out = tmp_path / "run"
    monkeypatch.setattr(os, "replace", fill_up)
    with pytest.raises(RunError, match="No space left"):
        train(book, out, steps=6)
    monkeypatch.undo()
    if way == "begin":
        assert train(book, out, steps=6).step == 6
    elif name == "config.json":
        with pytest.raises(RunError, match="never began: repeat its train command"):
            charrnn.train(resume=out, callback=Listener())
    else:
        assert charrnn.train(resume=out, callback=Listener()).step == 6
    assert not list(out.rglob(".*"))


def test_what_is_not_a_run_is_never_taken_for_one_that_never_began(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=6).path
    for name in ("checkpoint.safetensors", "checkpoint.previous.safetensors", "metrics.jsonl", "curve.png"):
        (run / name).unlink()
    shutil.rmtree(run / "samples")  # what is left is a model with its configuration, as one might share them
    model = (run / "model.safetensors").read_bytes()
    with pytest.raises(RunError, match="never overwritten"):
        train(book, run, steps=6)
    with pytest.raises(RunError, match=r"checkpoint\.safetensors' is not a file"):
        charrnn.train(resume=run, callback=Listener())
    assert (run / "model.safetensors").read_bytes() == model


def test_the_text_of_a_run_is_found_after_its_project_has_moved(book: Path, tmp_path: Path) -> None:
    for name in ("old", "other"):
        (tmp_path / name / "data").mkdir(parents=True)
        shutil.copy(book, tmp_path / name / "data" / "book.txt")
    run = train(tmp_path / "old" / "data" / "book.txt", tmp_path / "old" / "runs" / "book", steps=6)
    (tmp_path / "old").rename(tmp_path / "new")
    moved = tmp_path / "new" / "runs" / "book"
    assert charrnn.evaluate(moved, callback=Listener()).nats_per_char == run.val.nats_per_char  # type: ignore[union-attr]
    assert charrnn.train(resume=moved, steps=9, callback=Listener()).step == 9
    (tmp_path / "new" / "data" / "book.txt").rename(moved / "book.txt")  # into the folder
    config = json.loads((moved / "config.json").read_text())
    del config["relative_sources"]  # as in folders of earlier versions
    (moved / "config.json").write_text(json.dumps(config))
    moved = moved.rename(tmp_path / "alone")
    assert charrnn.train(resume=moved, steps=12, callback=Listener()).step == 12


@posix
def test_a_file_whose_name_is_not_utf_8_is_trained_on_like_any_other(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text("abc def\n" * 200)
    run = train(tmp_path / name, tmp_path / "run", steps=6)
    assert charrnn.train(resume=run.path, steps=9, callback=Listener()).step == 9
    assert charrnn.load(run.path).provenance["text"] == "caf%E9.txt"


@posix
def test_only_a_file_system_without_locks_goes_unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    def flock(number: int) -> Any:
        def fail(handle: int, kind: int) -> None:
            modes.append(lock_module.fcntl.fcntl(handle, lock_module.fcntl.F_GETFL) & os.O_ACCMODE)
            raise OSError(number, os.strerror(number))

        return fail

    for number in (errno.EOPNOTSUPP, errno.ENOLCK):
        monkeypatch.setattr(lock_module.fcntl, "flock", flock(number))
        with locked(tmp_path):
            assert not is_locked(tmp_path)
    for number in (errno.EIO, errno.EBADF, errno.ESTALE):
        monkeypatch.setattr(lock_module.fcntl, "flock", flock(number))
        with pytest.raises(RunError, match=os.strerror(number)), locked(tmp_path):
            pass
    assert os.O_RDWR in modes  # NFS locks no other file exclusively
    monkeypatch.undo()
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(RunError, match="another process"), locked(tmp_path):
            pass
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / ".lock"] or not list(tmp_path.iterdir())


LIES = [1, -1, 10**30, 1.5, True, None, "", "x", [], [1], {}, {"a": 1}, [[]], {"a": {}}, "\ud800", "[" * 100]


def complaint(read: Callable[[], object]) -> str:
    try:
        read()
    except charrnn.CharRNNError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl"])
def test_values_of_any_type_in_a_folder_are_refused_in_one_line(name: str, book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=3).path
    path = run / name
    original = path.read_text()
    good = json.loads(original.splitlines()[0] if name == "metrics.jsonl" else original)
    for key in good:
        for lie in LIES:
            changed = json.dumps({**good, key: lie})
            path.write_text(f"{changed}\n{json.dumps(good)}\n" if name == "metrics.jsonl" else changed)
            for read in (
                lambda: charrnn.evaluate(run, callback=Listener()), lambda: RunFolder.open(run).read_metrics(),
                lambda: RunFolder.open(run).read_config(), lambda: RunFolder.open(run).latest(),
            ):  # fmt: skip
                assert "\n" not in complaint(read)
    for nested in ("[" * 100_000, '{"step": 1, "epoch": ' + "[" * 50 + "]" * 50 + "}"):
        path.write_text(f"{nested}\n{json.dumps(good)}\n")
        with pytest.raises(RunError, match="damaged"):
            RunFolder.open(run).read_metrics() if name == "metrics.jsonl" else RunFolder.open(run).read_config()


@posix
def test_pipes_in_place_of_files_do_not_hang(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=3).path
    book.unlink()
    os.mkfifo(book)
    with pytest.raises(RunError, match="if the text has moved"):
        charrnn.evaluate(run, callback=Listener())
    (run / "metrics.jsonl").unlink()
    os.mkfifo(run / "metrics.jsonl")
    with pytest.raises(RunError, match="is not a file"):
        RunFolder.open(run).read_metrics()
    assert RunFolder.open(run).latest() == {}
