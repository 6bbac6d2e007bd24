"""Every command on real input, through the door a user comes in by."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from charrnn.text.library import DEFAULT, LIBRARY
from tests.cli.conftest import SMALL, TEXT, Run

COMMANDS = ["train", "sample", "evaluate", "plot", "info", "corpora"]


def start(*arguments: object, cwd: Path, **options: object) -> subprocess.Popen[str]:
    """The command line in a process of its own."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "charrnn", *map(str, arguments)],
        cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(charrnn: Run, command: str) -> None:
    result = charrnn(command, "--help")
    assert result.status == 0
    assert f"\n    charrnn {command}" in result.out.split("Example", 1)[1]
    assert "--quiet" in result.out
    assert "--json" in result.out


def test_help_lists_every_command_and_the_version_is_the_packages(charrnn: Run) -> None:
    result = charrnn("--help")
    assert all(f"\n  {command} " in result.out for command in COMMANDS)
    from charrnn import __version__

    assert charrnn("--version").out == f"charrnn, version {__version__}\n"


def test_train_then_everything_else(charrnn: Run, book: Path) -> None:
    result = charrnn("train", book, *SMALL, "--steps", 40, "--eval-every", 20)
    assert result.status == 0
    summary, _, sample = result.out.partition("\n")
    assert summary.startswith("trained 40 steps (0.52 epochs) in 0 s; validation ")
    assert summary.endswith("per character; saved in runs/book-rnn")
    assert len(sample) == 501
    assert "step 20 (epoch 0.26): training " in result.err
    assert " nats (" in result.err
    assert charrnn("evaluate", "runs/book-rnn").out.startswith("validation split, 343 characters predicted: ")
    assert charrnn("info", "runs/book-rnn").status == 0
    assert charrnn("plot", "runs/book-rnn", "--out", "figure.svg").out == "wrote figure.svg\n"
    assert Path("figure.svg").read_bytes().startswith(b"<?xml")
    assert len(charrnn("sample", "runs/book-rnn", "--length", 20, "--quiet").out) == 21
    assert charrnn("train", book, *SMALL, "--steps", 1, "--quiet").out.splitlines()[0].endswith("runs/book-rnn-2")


def test_json_is_one_object_and_nothing_else(charrnn: Run, book: Path, trained: Path) -> None:
    result = json.loads(charrnn("train", book, *SMALL, "--steps", 10, "--quiet", "--json").out)
    assert {"run", "ended", "step", "epoch", "seconds", "val_nats_per_char", "val_bits_per_char", "sample"} < set(
        result
    )
    evaluation = json.loads(charrnn("evaluate", trained, "--json").out)
    assert set(evaluation) == {
        "split", "characters", "nats_per_char", "bits_per_char", "perplexity", "text_sha256",
    }  # fmt: skip
    best = min(json.loads(line).get("val_loss", 9) for line in (trained / "metrics.jsonl").read_text().splitlines())
    assert evaluation["split"] == "val"
    assert evaluation["nats_per_char"] == pytest.approx(best, rel=1e-9)
    samples = json.loads(charrnn("sample", trained, "--num-samples", 3, "--length", 9, "--seed", 1, "--json").out)
    assert [len(s) for s in samples["samples"]] == [9, 9, 9]
    assert json.loads(charrnn("info", trained, "--json").out)["model"]["hidden_size"] == 16
    assert {row["name"] for row in json.loads(charrnn("corpora", "--json").out)} == set(LIBRARY)
    assert json.loads(charrnn("plot", trained, "--json").out)["figure"] == "curves.png"


def test_quiet_says_only_the_result(charrnn: Run, book: Path, trained: Path) -> None:
    for arguments in (("train", book, *SMALL, "--steps", 5), ("sample", trained), ("evaluate", trained)):
        assert charrnn(*arguments, "--quiet").err == ""


def test_sampling_repeats_itself_and_takes_prompts_in_every_form(charrnn: Run, trained: Path) -> None:
    one = charrnn("sample", trained, "--prompt", "The cat", "--seed", 3, "--length", 40).out
    assert one.startswith("The cat")
    assert len(one) == len("The cat") + 40 + 1
    Path("prompt.txt").write_text("The cat")
    assert charrnn("sample", trained, "--prompt", "FILE:prompt.txt", "--seed", 3, "--length", 40).out == one
    assert charrnn("sample", trained, "--prime-text", "The cat", "--seed", 3, "--length", 40).out == one
    assert (
        charrnn("sample", trained / "model.safetensors", "--start-text", "The cat", "--seed", 3, "--length", 40).out
        == one
    )
    several = charrnn("sample", trained, "--prompt", "The cat", "--seed", 3, "--length", 40, "--num-samples", 2).out
    assert several.startswith("--- sample 1 of 2 ---\n" + one)
    stopped = charrnn("sample", trained, "--prompt", "The cat", "--seed", 3, "--length", 40, "--stop", one[20]).out
    assert stopped == one[: one.index(one[20], 7)] + "\n"


def test_an_unknown_character_is_an_error_unless_it_may_be_skipped(charrnn: Run, trained: Path) -> None:
    result = charrnn("sample", trained, "--prompt", "The é")
    assert (result.status, result.out) == (2, "")
    assert "charrnn: error: character 'é' (U+00E9, LATIN SMALL LETTER E WITH ACUTE) at position 4 " in result.err
    skipped = charrnn("sample", trained, "--prompt", "The é", "--on-unknown", "skip", "--seed", 1, "--length", 5)
    assert "skipped 1 unknown characters of the prompt" in skipped.err
    assert skipped.out == charrnn("sample", trained, "--prompt", "The ", "--seed", 1, "--length", 5).out


def test_any_text_can_be_evaluated(charrnn: Run, trained: Path) -> None:
    Path("other.txt").write_text("The cat ran up and down.\r\n" * 3)
    result = json.loads(charrnn("evaluate", trained / "model.safetensors", "other.txt", "--json").out)
    assert (result["split"], result["characters"]) == ("text", 25 * 3 - 1)
    Path("other.txt").write_text("The dög")
    assert charrnn("evaluate", trained, "other.txt").status == 2
    assert "skipped 2 unknown characters" in charrnn("evaluate", trained, "other.txt", "--on-unknown", "skip").err


def test_the_text_of_a_run_is_read_again_and_compared(charrnn: Run, book: Path) -> None:
    charrnn("train", book, *SMALL, "--steps", 5, "--out", "run", "--test-fraction", 0.1)
    for split in ("train", "val", "test"):
        assert json.loads(charrnn("evaluate", "run", "--split", split, "--json").out)["split"] == split
    assert "model without its text" in charrnn("evaluate", "run/model.safetensors").err
    book.write_text(TEXT.replace("cat", "dog"))
    assert "has changed since the run" in charrnn("evaluate", "run").err


def test_standard_input_is_trained_on_and_resumed_with(charrnn: Run, book: Path, tmp_path: Path) -> None:
    settings = [*SMALL, "--quiet", "--out", "run"]
    with book.open() as text:
        process = start("train", "-", *settings, "--steps", 10, cwd=tmp_path, stdin=text)
        assert process.communicate()[1] == ""
    assert json.loads(charrnn("evaluate", "run", "--json").out)["split"] == "val"  # the run has kept its text
    with book.open() as text:
        process = start("train", "-", "--resume", "run", "--steps", 12, "--quiet", cwd=tmp_path, stdin=text)
        assert process.communicate()[1] == ""
    assert json.loads(charrnn("train", "--resume", "run", "--steps", 15, "--quiet", "--json").out)["step"] == 15


def test_the_bundled_novel_is_the_default(charrnn: Run) -> None:
    result = charrnn("train", "--steps", 2, "--hidden-size", 8)
    assert f"text {DEFAULT}: 356,123 characters, 80 distinct; by position: train 320,510, val 35,613" in result.err
    assert charrnn("evaluate", f"runs/{DEFAULT}-qrnn").status == 0


def test_corpora_are_listed_and_brought_by_hand(charrnn: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    lines = charrnn("corpora").out.splitlines()
    assert [line.split()[0] for line in lines] == list(LIBRARY)
    assert "bundled" in lines[0]
    assert "not downloaded" in lines[1]
    Path("copy.txt").write_text("not it")
    assert "its SHA-256 is" in charrnn("corpora", "fetch", "tinyshakespeare", "--from", "copy.txt").err
    assert "did you mean 'tinyshakespeare'" in charrnn("corpora", "fetch", "tinyshakespear").err
    assert charrnn("corpora", "fetch", DEFAULT).out.startswith(f"{DEFAULT}: ")


def test_a_real_corpus_brought_by_hand_is_used(
    charrnn: Run, tinyshakespeare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    assert charrnn("corpora", "fetch", "tinyshakespeare", "--from", tinyshakespeare).status == 0
    result = charrnn("train", "tinyshakespeare", *SMALL, "--steps", 2)
    assert "1,115,394 characters, 65 distinct; by position: train 1,003,854, val 111,540" in result.err


def test_several_curves_in_one_figure(charrnn: Run, trained: Path) -> None:
    assert charrnn("plot", trained, trained, "--out", "both.png").status == 0
    assert Path("both.png").read_bytes().startswith(b"\x89PNG")
    assert "does not name a figure's format" in charrnn("plot", trained, "--out", "both.gif").err


def test_recipes_come_before_flags(charrnn: Run, book: Path) -> None:
    charrnn("train", book, "--recipe", "reference", "--hidden-size", 9, "--steps", 3, "--quiet", "--out", "run")
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["hidden_size"], settings["seq_len"], settings["batch_size"]) == (9, 25, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(number: signal.Signals, book: Path, tmp_path: Path, charrnn: Run) -> None:
    process = start("train", book, *SMALL, "--out", "run", "--minutes", 5, cwd=tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step "):
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "charrnn: interrupted: saved at step " in err
    assert "resume with: charrnn train --resume run" in err
    steps = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    result = charrnn("train", "--resume", "run", "--steps", steps + 50, "--quiet", "--json")
    assert json.loads(result.out)["step"] == steps + 50


def test_kill_and_resume(book: Path, tmp_path: Path, charrnn: Run) -> None:
    process = start("train", book, *SMALL, "--out", "run", "--minutes", 5, "--checkpoint-minutes", 0.001, cwd=tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step "):
            break
    time.sleep(0.3)
    process.kill()
    process.communicate()
    result = charrnn("train", "--resume", "run", "--steps", 100_000, "--minutes", 0.01, "--quiet", "--json")
    assert result.status == 0
    assert json.loads(result.out)["step"] > 0


def test_streaming_into_a_reader_that_leaves(trained: Path) -> None:
    process = start("sample", trained, "--length", 1_000_000, "--quiet", cwd=trained)
    assert process.stdout is not None
    assert len(process.stdout.read(10)) == 10
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 0


def test_divergence_is_one_line_and_status_one(charrnn: Run, book: Path) -> None:
    result = charrnn("train", book, *SMALL, "--learning-rate", 1e38, "--grad-clip", 0, "--steps", 50, "--quiet")
    assert (result.status, result.out) == (1, "")
    assert "charrnn: error: training diverged at step " in result.err
    assert charrnn("sample", "runs/book-rnn", "--length", 5).status == 0


def test_dynamic_evaluation_stands_beside_the_static_one(charrnn: Run, trained: Path) -> None:
    result = charrnn("evaluate", trained, "--dynamic")
    static, dynamic = result.out.splitlines()
    assert static == charrnn("evaluate", trained).out.strip()
    assert "dynamic evaluation" in dynamic
    values = json.loads(charrnn("evaluate", trained, "--dynamic", "--dynamic-rate", "0.003", "--json").out)
    assert 0 < values["dynamic_nats_per_char"] != values["nats_per_char"]
    assert charrnn("evaluate", trained, "--dynamic-rate", "0.003").status == 2
