"""Disks that fill, folders that vanish, clocks that jump: one line, and what was saved before is whole."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import charrnn
from charrnn.errors import RunError
from charrnn.training import session as session_module
from tests.torture.kills import contents
from tests.training.test_runs import Listener, train

# A run of 40 steps is then the beginning of one of 80.
SETTINGS = {
    "eval_every": 8, "sample_every": 10, "dropout": 0.3, "num_layers": 2, "schedule": "constant", "warmup_steps": 0,
}  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX's")
def test_a_disk_that_is_full_costs_nothing_that_was_saved(book: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk; resumed with more room, the run ends as if undisturbed."""
    train(book, tmp_path / "whole", steps=80, **SETTINGS)
    run = train(book, tmp_path / "parts", steps=40, **SETTINGS).path
    size = (run / "checkpoint.safetensors").stat().st_size
    limited = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size // 2}, {size // 2}));"
        "from charrnn.cli import main; main()"
    )
    arguments = ["train", "--resume", str(run), "--steps", "80", "--quiet"]
    result = subprocess.run([sys.executable, "-c", limited, *arguments], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"charrnn: error: cannot write '.*': File too large\n", result.stderr)
    assert not list(run.rglob(".*.part"))
    charrnn.load(run).generate(length=10)
    charrnn.train(resume=run, steps=80, callback=Listener())
    assert contents(run) == contents(tmp_path / "whole")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_write_that_fails_leaves_the_file_as_it_was(
    number: int, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(book, tmp_path / "run", steps=20, **SETTINGS).path
    before = {path.name: path.read_bytes() for path in run.glob("*.safetensors")}

    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(RunError, match=f"cannot write '.*': {os.strerror(number)}"):
            charrnn.train(resume=run, steps=40, callback=Listener())
    assert {path.name: path.read_bytes() for path in run.glob("*.safetensors")} == before
    assert not list(run.rglob(".*.part"))
    assert charrnn.train(resume=run, steps=40, callback=Listener()).step == 40


def test_a_folder_that_is_removed_under_the_run_ends_it_in_one_line(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = session_module.Session._step

    def step_and_remove(self: session_module.Session) -> None:
        if self.progress.step == 12:
            shutil.rmtree(self.folder.path)
        original(self)

    monkeypatch.setattr(session_module.Session, "_step", step_and_remove)
    with pytest.raises(RunError, match=r"cannot write '.*': No such file or directory"):
        train(book, tmp_path / "run", steps=60, **SETTINGS)


def test_no_clock_that_can_be_set_is_read() -> None:
    sources = [path for path in Path(charrnn.__file__).parent.rglob("*.py") if "serving" not in path.parts]
    # The answers of the API say when they were made, as its clients expect.
    assert not [path.name for path in sources if re.search(r"\btime\.time\(|datetime", path.read_text())]
