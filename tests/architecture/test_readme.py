"""The README's blocks run as they are printed, in small, and each of its numbers comes from a file or has a reason."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import charrnn
from tests.architecture.stated import README_WITHOUT_A_FILE, SOURCES
from tests.architecture.test_numbers import place, sentences

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SMALL = {"hidden_size": 8, "num_layers": 1, "seq_len": 16, "batch_size": 4, "steps": 6}


@pytest.fixture
def folder(book: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the README names, and a `./run` that starts this charrnn with small settings."""
    place = book.parent
    (place / "more.txt").write_text(book.read_text()[:2000] + "naïve cafés\n" * 60)
    names = [first + rest for first in "abcdefgh" for rest in ("anna", "bob", "clara", "dario", "emma", "fritz")]
    (place / "names.txt").write_text("\n".join(names) + "\n")
    (place / "other-names.txt").write_text("anna\ntttt\n")
    shutil.copy(ROOT / "tests" / "learning" / "right" / "min_char_rnn.py", place / "mine.py")
    shim = place / "run"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.architecture.in_small "$@"\n')
    shim.chmod(0o755)
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.chdir(place)
    return place


@pytest.mark.timeout(900)  # a dozen commands, one after another
@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_every_block_runs_as_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = charrnn.train
    monkeypatch.setattr(charrnn, "train", lambda text, **settings: train(text, **{**settings, **SMALL}))
    names: dict[str, Any] = {}
    for language, block in BLOCKS:
        if language == "sh":
            done = subprocess.run(["sh", "-e", "-c", block], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        elif language == "python":
            exec(compile(block, "README.md", "exec"), names)
            assert len(capsys.readouterr().out) > 100
    assert [language for language, _ in BLOCKS].count("sh") >= 4
    assert {language for language, _ in BLOCKS} == {"sh", "python", "text"}  # what is printed is in test_numbers
    assert {path.name for path in (folder / "runs").iterdir()} >= {"book-qrnn", "names-qrnn", "more-qrnn"}


def test_the_command_in_the_text_runs(folder: Path) -> None:
    subprocess.run(["./run", "train", "book.txt", "--quiet"], check=True, capture_output=True)
    commands = [c for c in re.findall(r"`(\./run [^`]+)`", TEXT) if " --" in c]
    assert commands
    for command in commands:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (folder / "page.html").stat().st_size > 10_000


def test_the_page_about_using_a_run_shows_what_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from charrnn.cli import commands

    page, train = (ROOT / "docs" / "how-to" / "use-a-run.md").read_text(), charrnn.train
    monkeypatch.setattr(charrnn, "train", lambda text, **settings: train(text, **{**settings, **SMALL}))
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "use-a-run.md", "exec"), names)
    assert len(str(names["text"])) == 300
    assert "[" in capsys.readouterr().out
    lines = re.findall(r"^charrnn (.*?)(?:\s+#.*)?$", page, re.MULTILINE)
    assert len(lines) > 6
    for line in lines:
        command, *arguments = shlex.split(line)
        known = {option for parameter in commands.commands[command].params for option in parameter.opts}
        assert {a for a in arguments if a.startswith("--")} <= known, line


def test_every_number_of_the_readme_comes_from_a_file_or_has_a_reason() -> None:
    left = list(TEXT)  # what is accounted for becomes a space
    for file in SOURCES:
        for page, sentence, values in sentences(file):
            if page == "README.md":
                match = place(TEXT, sentence, values)
                for hole in range(1, len(values) + 1):
                    left[slice(*match.span(hole))] = " " * len(match[hole])
                if not values:
                    left[slice(*match.span())] = " " * len(match[0])
    printed = r"^```(?:sh|python)\n(.*?)^```"
    text = re.sub(
        printed, lambda m: " ".join(re.findall(r"  #.*", m[1])), "".join(left), flags=re.MULTILINE | re.DOTALL
    )
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", text)
    for phrase in README_WITHOUT_A_FILE:
        assert phrase in text, f"the README no longer says: {phrase}"
        text = text.replace(phrase, "")
    assert re.findall(r".*\d.*", text) == []


def test_the_readme_is_short() -> None:
    prose = re.sub(r"^```.*?^```|\]\([^)]*\)|[|*#-]", " ", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) < 700
    assert len(re.findall(r"\]\(", TEXT[TEXT.index("## Read on") :].split("\n\n")[1])) == 5
