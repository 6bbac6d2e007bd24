"""What is printed: exactly the text in a pipe, nothing that acts on a terminal; and no run ends for lack of readers."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import pytest

import charrnn
from charrnn.terminal import printable
from charrnn.training.callback import Callback
from tests.faults.commands import BOOK, QUICK, SMALL, on_terminal, run, shell, start

GREEK = "Το ρολόι του παλιού πύργου χτυπά αργά.\n"
EVIL = "a\x1b]0;title\x07b\x9b2Jc\x7fd\u202ee"  # a title, two ways of clearing, a deletion, a change of direction
TINY = {"cell": "rnn", "num_layers": 1, "hidden_size": 8, "seq_len": 16, "batch_size": 4}


def trained(folder: Path, text: str, name: str = "text.txt") -> Path:
    (folder / name).write_text(text, "utf-8")
    return charrnn.train(folder / name, out=folder / "model", steps=5, callback=Callback(), **TINY).path


def acts(shown: bytes) -> bool:
    """Whether output would do more to a terminal than show lines of text."""
    text = shown.decode().replace("\r\n", "\n")
    return printable(text, keep="\n\t") != text


@pytest.fixture(scope="module")
def greek(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("greek"), GREEK * 60)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes control characters, with a provenance full of them."""
    folder = tmp_path_factory.mktemp("evil")
    model = charrnn.load(trained(folder, (EVIL + "\n") * 200))
    model.provenance |= {"text": EVIL, EVIL: EVIL}
    model.save(folder / "evil.safetensors")
    return folder / "evil.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_text(BOOK)
    return tmp_path


def metrics(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]


# Standard output that is not UTF-8


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_a_pipe_gets_the_text_in_utf8(greek: Path, encoding: str) -> None:
    expected = charrnn.load(greek).generate(length=200, seed=1) + "\n"
    command = ("sample", greek, "--length", 200, "--seed", 1, "--quiet")
    assert run(greek, *command, env={"PYTHONIOENCODING": encoding}) == (0, expected.encode(), b"")


@pytest.mark.parametrize("command", ["sample", "info"])
def test_json_keeps_every_character(greek: Path, command: str) -> None:
    status, out, _ = run(greek, command, greek, "--json", env={"PYTHONIOENCODING": "cp1252"})
    assert status == 0
    values = json.loads(out)
    assert set(values.get("vocabulary") or values["samples"][0]) <= set(GREEK)


def test_a_terminal_that_lacks_a_character_is_an_error(greek: Path) -> None:
    status, shown = on_terminal(greek, "sample", greek, "--seed", 1, "--quiet", env={"PYTHONIOENCODING": "cp1252"})
    assert status == 2
    assert b"encoding cp1252, which lacks the character" in shown
    assert b"?" not in shown
    status, shown = on_terminal(greek, "sample", greek, "--seed", 1, "--json", env={"PYTHONIOENCODING": "cp1252"})
    assert status == 0
    assert json.loads(shown[shown.index(b"{") :])["samples"] == [charrnn.load(greek).generate(seed=1)]


def test_facts_that_a_terminal_cannot_show_are_escaped(greek: Path) -> None:
    status, shown = on_terminal(greek, "info", greek, env={"PYTHONIOENCODING": "ascii"})
    assert status == 0
    assert rb"\u03c1" in shown


# Control characters


@pytest.mark.parametrize("count", [1, 3])
def test_a_pipe_gets_control_characters_as_they_are(evil: Path, count: int) -> None:
    model = charrnn.load(evil)
    texts = model.generate_many(count, length=300, seed=1)
    heads = [f"--- sample {k} of {count} ---\n" if count > 1 else "" for k in range(1, count + 1)]
    expected = "".join(f"{head}{text}\n" for head, text in zip(heads, texts, strict=True)).encode()
    assert b"\x1b" in expected
    command = ("sample", evil, "--length", 300, "--seed", 1, "--num-samples", count)
    assert run(evil.parent, *command)[1] == expected


def test_a_pipe_gets_ansi_sequences_as_they_are(tmp_path: Path) -> None:
    text = "".join(f"\x1b[3{k % 8}mword{k % 10}\x1b[0m\n" for k in range(400))
    model = trained(tmp_path, text)
    expected = charrnn.load(model).generate_many(2, "\x1b[31m", 400, seed=1)
    out = run(tmp_path, "sample", model, "--prompt", "\x1b[31m", "--length", 400, "--seed", 1, "--num-samples", 2)[1]
    assert out.decode() == "".join(f"--- sample {k} of 2 ---\n\x1b[31m{s}\n" for k, s in enumerate(expected, 1))


@pytest.mark.parametrize("count", [1, 3])
def test_a_terminal_gets_them_escaped(evil: Path, count: int) -> None:
    status, shown = on_terminal(evil.parent, "sample", evil, "--seed", 1, "--num-samples", count, "--prompt", "b\x9bc")
    assert status == 0
    assert rb"\x1b" in shown
    assert not acts(shown)


def test_what_strangers_wrote_into_a_model_is_escaped_everywhere(evil: Path) -> None:
    for shown in (run(evil.parent, "info", evil)[1], on_terminal(evil.parent, "info", evil, "--json")[1]):
        assert b"title" in shown
        assert not acts(shown)
    assert json.loads(run(evil.parent, "info", evil, "--json")[1])["text"] == EVIL


def test_names_of_files_are_escaped_in_messages_and_on_terminals(tmp_path: Path) -> None:
    name = "b\x1b[2J\x07\nook.txt"
    (tmp_path / name).write_text(BOOK)
    for arguments in (["train", name, *QUICK], ["info", "run"]):
        status, shown = on_terminal(tmp_path, *arguments)
        assert status == 0
        shown = shown.replace(b"\x1b[2K", b"")
        assert b"\x1b[2J" not in shown
        assert b"\x07" not in shown
    for command in ("train", "info", "sweep"):
        status, _, err = run(tmp_path, command, "no\x1b[2J\nne")
        assert status == 2
        assert err.count(b"\n") == 1
        assert not acts(err)


def test_a_sample_in_the_bar_of_a_terminal_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text((EVIL + "\n") * 200)
    status, shown = on_terminal(tmp_path, "train", "text.txt", *QUICK)
    assert status == 0
    assert rb"\x07" in shown
    assert b"\x07" not in shown


# Output that nobody reads


def test_a_closed_terminal_does_not_end_a_training(folder: Path) -> None:
    master, slave = os.openpty()
    settings = [*SMALL, "--steps", 3000, "--eval-every", 50, "--out", "run"]
    process = start(folder, "train", "book.txt", *settings, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    seen = b""
    while b"training" not in seen:
        seen += os.read(master, 4096)
    os.close(master)
    assert process.wait(timeout=120) == 2  # the summary could not be printed
    assert metrics(folder)[-1]["step"] == 3000
    assert run(folder, "sample", "run", "--length", 5)[0] == 0


def test_a_reader_of_the_progress_that_goes_away_does_not_end_a_training(folder: Path) -> None:
    process = start(folder, "train", "book.txt", *SMALL, "--steps", 2000, "--eval-every", 50, "--out", "run")
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert process.stdout is not None
    assert process.stdout.read().startswith(b"trained 2,000 steps")
    assert process.wait(timeout=60) == 0
    process.stdout.close()


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "2>&- <&-"])
def test_messages_that_cannot_be_written_are_lost(folder: Path, redirection: str) -> None:
    status, out, err = shell(folder, f"charrnn train book.txt {' '.join(QUICK)} {redirection}")
    assert (status, err) == (0, b"")
    assert out.startswith(b"trained 20 steps")
    assert metrics(folder)[-1]["step"] == 20


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "--json >/dev/full", ">&- 2>&-"])
def test_a_result_that_cannot_be_written_is_an_error_after_saving(folder: Path, redirection: str) -> None:
    status, _, err = shell(folder, f"charrnn train book.txt {' '.join(QUICK)} --quiet {redirection}")
    assert status == 2
    if "2>" not in redirection:
        assert b"standard output" in err
        assert b"the run is saved in run" in err
        assert err.count(b"\n") == 1
    assert metrics(folder)[-1]["step"] == 20
    assert run(folder, "evaluate", "run")[0] == 0


@pytest.mark.parametrize("command", ["info --quiet", "evaluate", "plot", "sample --quiet", "info --json"])
def test_every_command_says_that_its_result_is_lost(greek: Path, tmp_path: Path, command: str) -> None:
    name, _, flag = command.partition(" ")
    status, _, err = shell(tmp_path, f"charrnn {name} {greek} {flag} >/dev/full")
    assert status == 2
    assert b"cannot write the result to standard output: No space left on device" in err
    assert err.count(b"\n") == 1


def test_callbacks_of_python_callers_lose_their_lines_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    logged = io.BytesIO()
    for number, stream in enumerate([Broken(), None, io.TextIOWrapper(logged, encoding="ascii"), closed()]):
        monkeypatch.setattr("sys.stderr", stream)
        charrnn.train(folder / "book.txt", out=folder / f"run-{number}", steps=5, **TINY)
    assert rb"1 \xd7 8 rnn" in logged.getvalue()


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream
