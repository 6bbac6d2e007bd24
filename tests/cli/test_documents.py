"""Documents on the command line: train, sample, score, evaluate."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from charrnn.language_model import load
from tests.cli.conftest import SMALL, Run

RNG = np.random.default_rng(0)
NAMES = ["".join(RNG.choice(list("abcdeno"), RNG.integers(2, 9))) for _ in range(400)]


@pytest.fixture
def run(names: Path, charrnn: Run) -> Path:
    return names / "run"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a list and a run that was trained on it."""
    import charrnn as package
    from charrnn.training.callback import Callback

    folder = tmp_path_factory.mktemp("names")
    (folder / "names.txt").write_text("\n".join([*NAMES, *NAMES[:7]]))
    package.train(
        folder / "names.txt", out=folder / "run", documents="lines", unique=True, cell="rnn", hidden_size=16,
        seq_len=10, batch_size=4, steps=60, val_fraction=0.3, learning_rate=0.01, callback=Callback(),
    )  # fmt: skip
    return folder


def test_training_says_how_many_repeats_there_are_and_samples_documents(names: Path, charrnn: Run) -> None:
    result = charrnn("train", names / "names.txt", "--documents", "lines", *SMALL, "--steps", "5", "--out", "run")
    repeats = 407 - len(set(NAMES))
    assert f"documents of names.txt: 407, {repeats} of them repeats;" in result.err
    assert "equal ones fall on the same side: train " in result.err
    assert result.status == 0
    assert len(result.out.splitlines()) >= 5


def test_a_list_that_is_read_as_one_text_is_asked_about(names: Path, charrnn: Run) -> None:
    result = charrnn("train", names / "names.txt", *SMALL, "--steps", "2", "--out", "run")
    assert "this looks like a list of 407 lines, but is read as one text: --documents lines?" in result.err
    assert json.loads(Path("run/config.json").read_text())["settings"]["documents"] is None


def test_samples_one_a_line_and_what_is_counted(run: Path, charrnn: Run) -> None:
    result = charrnn("sample", run, "--num-samples", 300, "--seed", 1, "--length", 6)
    lines = result.out.splitlines()
    assert len(lines) == 300
    known = set(NAMES)
    distinct, cut = len(set(lines)), sum(len(line) == 6 for line in lines)
    counts = f"300 documents written: {distinct} distinct, "
    assert counts in result.err
    assert 0 < int(result.err.split("distinct, ")[1].split(" new")[0]) <= 300
    assert int(result.err.split(" new, ")[1].split(" cut")[0]) <= cut
    alone = charrnn("sample", run, "--seed", 1, "--length", 6, "--quiet")
    assert alone.out.splitlines() == lines[:1]
    wanted = charrnn("sample", run, "--num-samples", 150, "--seed", 1, "--new", "--unique", "--json")
    values = json.loads(wanted.out)
    assert len(set(values["samples"])) == 150
    assert set(values) == {"seed", "samples", "distinct", "new", "cut", "written"}
    train = known - set(held_out(run))
    assert not set(values["samples"]) & train
    prompted = charrnn("sample", run, "--num-samples", 3, "--prompt", "ab", "--jsonl", "--quiet").out
    assert [json.loads(line)["text"][:2] for line in prompted.splitlines()] == ["ab"] * 3


def held_out(run: Path) -> list[str]:
    from charrnn.text.documents import share_of

    return [name for name in set(NAMES) if share_of(name, 0) < 0.3]


def test_scores_as_table_csv_json_lines_and_json(run: Path, charrnn: Run) -> None:
    Path("new.txt").write_text("anna\n\nbob\nccccccccc\n".replace("n", "d"))
    table = charrnn("score", run, "new.txt", "--by-character")
    assert table.status == 0
    assert [line.split()[-1] for line in table.out.splitlines()[1::2]] == ["adda", "bob", "ccccccccc"]
    assert "3 lines: " in table.err
    rows = list(csv.DictReader(io.StringIO(charrnn("score", run, "new.txt", "--csv").out)))
    lines = [json.loads(line) for line in charrnn("score", run, "new.txt", "--jsonl").out.splitlines()]
    assert [row["text"] for row in rows] == [line["text"] for line in lines] == ["adda", "bob", "ccccccccc"]
    assert [int(row["line"]) for row in rows] == [1, 3, 4]
    for row, line in zip(rows, lines, strict=True):
        assert (
            float(row["nats"]) == line["nats"] == pytest.approx(line["nats_per_char"] * (len(line["text"]) + 1), 1e-4)
        )
        assert 0 <= line["percentile"] <= 100
    values = json.loads(charrnn("score", run, "new.txt", "--json", "--top", 1, "--false-alarms", 0.05).out)
    assert values["lines"] == 3
    assert values["scores"][0]["text"] == max(lines, key=lambda line: line["nats_per_char"])["text"]
    assert values["scores"][0]["above_threshold"] == (values["scores"][0]["nats_per_char"] > values["threshold"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(
    ("options", "shown"), [(["--json"], True), (["--top", "3"], True), (["--json", "--quiet"], False)]
)
def test_a_terminal_shows_how_many_lines_have_passed(options: list[str], shown: bool, run: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "charrnn", "score", str(run), str(run.parent / "names.txt"), *options]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}, check=True)
    said = os.read(ours, 1 << 16).decode() if select.select([ours], [], [], 0)[0] else ""
    os.close(theirs)
    os.close(ours)
    assert done.stdout
    assert b"\x1b" not in done.stdout
    assert bool(re.search(r"\d% \d+ lines", said)) == shown


def test_a_share_of_the_held_out_documents_is_marked(run: Path, charrnn: Run) -> None:
    Path("held-out.txt").write_text("\n".join(held_out(run)))
    result = charrnn("score", run, "held-out.txt", "--json", "--false-alarms", 0.1, "--fail")
    values = json.loads(result.out)
    assert result.status == 1
    assert values["above_threshold"] == pytest.approx(0.1 * values["lines"], abs=2)


def test_a_column_of_a_table_is_scored(run: Path, charrnn: Run) -> None:
    Path("lines.csv").write_text('id,name\n1,"ab"\n\n2,"a\n\n""b""\n"\n3," "\n4,bo\n')
    rows = charrnn("score", run, "lines.csv", "--column", "name", "--jsonl", "--on-unknown", "skip").out.splitlines()
    found = [json.loads(row) for row in rows]  # a field may have empty lines in it
    assert [(row["line"], row["text"]) for row in found] == [(2, "ab"), (7, 'a\n\n"b"\n'), (9, "bo")]
    Path("people.csv").write_text('id,name\n1,"ab"\n2,"bo"\n')
    lines = charrnn("score", run, "people.csv", "--column", "name", "--jsonl").out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["ab", "bo"]


def test_each_file_is_read_as_training_reads_it(run: Path, charrnn: Run) -> None:
    Path("one.csv").write_bytes(b'\xef\xbb\xbfid,name\r\n1,"ab"\r\n')
    Path("two.csv").write_text("name,id\nbo,2")
    Path("three.csv").write_text("id,name\n3,ad\n")
    said = charrnn("score", run, "one.csv", "two.csv", "three.csv", "--column", "name", "--jsonl")
    found = [json.loads(row) for row in said.out.splitlines()]  # each table has a header of its own
    assert [(row["line"], row["text"]) for row in found] == [(2, "ab"), (4, "bo"), (6, "ad")]
    Path("plain.txt").write_text("x\ty\n\n")
    for arguments in (["one.csv", "other.csv"], ["one.csv", "short.csv"], ["one.csv", "plain.txt"]):
        Path("other.csv").write_text("id,nmae\n1,ab\n")
        Path("short.csv").write_text("id,name\n1,ab\n2\n")
        trained = charrnn("train", *arguments, "--documents", "csv:name", *SMALL, "--out", "never")
        scored = charrnn("score", run, *arguments, "--column", "name")
        assert (trained.status, scored.status) == (2, 2)
        remarks, complaint = scored.err.splitlines()[:-1], scored.err.splitlines()[-1]
        assert complaint == trained.err.splitlines()[-1]
        assert f"'{arguments[1]}'" in complaint
        assert "one.csv: dropped the byte order mark at its beginning" in remarks
        assert set(remarks) <= set(trained.err.splitlines())
    assert "byte order" not in charrnn("score", run, "one.csv", "--column", "name", "--quiet").err
    Path("a.txt").write_text("ab\n\nbo")
    Path("b.txt").write_text("ad\n")
    lines = [json.loads(line) for line in charrnn("score", run, "a.txt", "b.txt", "a.txt", "--jsonl").out.splitlines()]
    assert [row["line"] for row in lines] == [1, 3, 4, 5, 7]  # as if the files were one


def test_a_field_of_json_lines_is_scored_and_classified(charrnn: Run) -> None:
    rows = [{"kind": kind, "name": letter * n} for kind, letter in (("x", "a"), ("y", "b")) for n in range(1, 50)]
    Path("list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    Path("list.csv").write_text("kind,name\n" + "\n".join(",".join(row.values()) for row in rows))
    for form in ("jsonl", "csv"):
        charrnn("train", f"list.{form}", "--documents", f"{form}:name", "--label", f"{form}:kind", *SMALL,
                "--steps", 60, "--out", form)  # fmt: skip
    Path("new.jsonl").write_text('{"name": "aa"}\n\n{"name": "b\\nb"}\n{"name": " "}\n')
    for command in ("score", "classify"):
        result = charrnn(command, "jsonl", "new.jsonl", "--field", "name", "--jsonl", "--on-unknown", "skip")
        found = [json.loads(line) for line in result.out.splitlines()]
        assert [(row["line"], row["text"]) for row in found] == [(1, "aa"), (3, "b\nb")]
        assert "each line is read whole" not in result.err
        whole = charrnn(command, "jsonl", "new.jsonl", "--on-unknown", "skip")
        assert "the first line looks like JSON, and each line is read whole: --field name?" in whole.err
        whole = charrnn(command, "csv", "list.csv", "--on-unknown", "skip")
        assert "looks like the header of a CSV table, and each line is read whole: --column name?" in whole.err
        assert "whole" not in charrnn(command, "csv", "list.csv", "--on-unknown", "skip", "--quiet").err
        for options, complaint in (
            (["--field", "nmae"], "'new.jsonl', line 1 has no 'nmae': did you mean 'name'?"),
            (["--field", "name", "--column", "name"], "exclude each other: choose one"),
            (["--field", "name", "--documents", "lines"], "exclude each other: choose one"),
            (["--documents", "pages"], "documents 'pages' is not known: choose from lines, paragraphs, files"),
        ):
            bad = charrnn(command, "jsonl", "new.jsonl", *options)
            assert bad.status == 2
            assert complaint in bad.err
            assert bad.out == ""  # no head of a table before an error


TUNES = ["X\nab\nba", "Y\naa", "Z\nbb\nab"]


def test_paragraphs_and_files_are_scored_and_classified_whole(charrnn: Run) -> None:
    known = ["\n".join(head + "ab" * n for head in heads) for heads in ("XYZ", "ZX", "Y") for n in range(20)]
    Path("tunes.txt").write_text("\n\n".join(known) + "\n")
    charrnn("train", "tunes.txt", "--documents", "paragraphs", *SMALL, "--steps", 5, "--out", "tunes")
    table = "kind,tune\n" + "".join(f'{"uv"[k % 2]},"{tune}"\n' for k, tune in enumerate(known))
    Path("tunes.csv").write_text(table)
    labels = ("--documents", "csv:tune", "--label", "csv:kind")
    charrnn("train", "tunes.csv", *labels, *SMALL, "--steps", 5, "--out", "kinds")
    Path("new.txt").write_text("\n" + "\n\n\n".join(TUNES))
    Path("other.txt").write_text(TUNES[1])
    expected = [score.nats for score in load("tunes").score_many(TUNES)]
    for model, command in (("tunes", "score"), ("kinds", "classify")):
        result = charrnn(command, model, "new.txt", "other.txt", "--documents", "paragraphs", "--jsonl")
        rows = [json.loads(line) for line in result.out.splitlines()]
        # The numbers of first lines count on in the second file.
        assert [(row["line"], row["text"]) for row in rows] == [
            (2, TUNES[0]),
            (7, TUNES[1]),
            (11, TUNES[2]),
            (14, TUNES[1]),
        ]
        assert "4 paragraphs" in result.err
        assert "each line is read by itself" not in result.err
        shown = charrnn(command, model, "new.txt", "--documents", "paragraphs").out.splitlines()
        assert len(shown) == 4
        assert shown[1].endswith("X↵ab↵ba")
        files = charrnn(command, model, "new.txt", "other.txt", "--documents", "files", "--jsonl")
        assert [json.loads(line)["text"] for line in files.out.splitlines()] == [Path("new.txt").read_text(), TUNES[1]]
        if command == "score":
            assert [row["nats"] for row in rows] == pytest.approx([*expected, expected[1]], abs=1e-5)
    read_by_line = charrnn("score", "tunes", "new.txt")
    assert "the model learned paragraphs, and each line is read by itself: --documents paragraphs?" in read_by_line.err
    assert "8 lines" in read_by_line.err


def test_a_model_of_one_text_scores_lines_too(trained: Path, charrnn: Run) -> None:
    Path("lines.txt").write_text("The clock struck one.\nrats\n")
    values = json.loads(charrnn("score", trained, "lines.txt", "--json").out)
    assert [score["percentile"] for score in values["scores"]] == [None, None]
    result = charrnn("score", trained, "lines.txt", "--false-alarms", "0.01")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "train it with --documents" in result.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["score", "RUN", "new.txt", "--csv", "--json"], "--csv, --jsonl and --json exclude each other"),
        (["score", "RUN", "new.txt", "--fail"], "--fail has no effect without --false-alarms"),
        (["score", "RUN", "new.txt", "--false-alarms", "0.0001"], "is too fine for"),
        (["score", "RUN", "new.txt", "--column", "name"], "'new.txt' has no column 'name': choose from ab"),
        (["score", "RUN", "bad.txt"], "line 2: character 'z'"),
        (["score", "RUN", "missing.txt"], "'missing.txt' is neither a file"),
        (["train", "new.txt", "--documents", "words"], "documents 'words' is not known: choose from lines, paragraphs"),
        (["train", "new.txt", "--unique"], "unique has no effect without documents"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], complaint: str, run: Path, charrnn: Run) -> None:
    Path("new.txt").write_text("ab\nbo\n")
    Path("bad.txt").write_text("ab\nbzo\n")
    result = charrnn(*[run if each == "RUN" else each for each in arguments], "--quiet")
    assert result.status == 2
    assert complaint in result.err
    assert result.err.count("\n") == 1


def test_what_is_for_documents_is_refused_elsewhere(trained: Path, run: Path, charrnn: Run) -> None:
    assert "are for a model of documents" in charrnn("sample", trained, "--new").err
    alone = charrnn("sample", run / "model.safetensors", "--new")
    assert alone.status == 2
    assert "--new compares with the training documents, and cannot find them: '" in alone.err
    assert "is a model file, which does not say where its list is: name its run folder" in alone.err


def test_evaluation_counts_documents_and_their_ends(run: Path, charrnn: Run) -> None:
    words = charrnn("evaluate", run).out
    assert "per symbol, end included, perplexity" in words
    values = json.loads(charrnn("evaluate", run, "--json").out)
    texts = held_out(run)
    assert values["documents"] == len(texts)
    assert values["characters"] == sum(len(text) + 1 for text in texts)
    Path("held-out.txt").write_text("\n".join(texts))
    other = json.loads(charrnn("evaluate", run, "held-out.txt", "--json").out)
    assert other["nats_per_char"] == pytest.approx(values["nats_per_char"], rel=1e-5)
    assert other["split"] == "text"


def test_a_function_of_the_users_counts_and_keeps(run: Path, charrnn: Run) -> None:
    Path("rules_of_mine.py").write_text(
        "def short(text):\n    return len(text) < 4\n\ndef bad(text):\n    return 1 / 0\n"
    )
    few = ("sample", run, "--num-samples", 40, "--seed", 1)
    result = charrnn(*few, "--valid", "rules_of_mine:short")
    lines = result.out.splitlines()
    count = sum(len(line) < 4 for line in lines)
    assert 0 < count < len(lines) == 40
    assert f", {count} valid, " in result.err
    kept = charrnn(*few, "--valid", "rules_of_mine:short", "--only-valid", "--json")
    values = json.loads(kept.out)
    assert len(values["samples"]) == 40
    assert max(map(len, values["samples"])) < 4
    assert values["written"] > values["valid"] == 40
    for name, complaint in [
        ("rules_of_mine", "is not MODULE:FUNCTION"),
        ("rules_of_mine:shot", "has no function 'shot'"),
        ("no_such_rules:short", "'no_such_rules' cannot be imported: ModuleNotFoundError"),
        ("rules_of_mine:bad", "ZeroDivisionError: division by zero"),
    ]:
        result = charrnn(*few, "--valid", name, "--quiet")
        assert (result.status, result.err.count("\n")) == (2, 1)
        assert complaint in result.err
    assert "--only-valid has no effect without --valid" in charrnn(*few, "--only-valid").err


def test_labels_are_told_and_written_on_the_command_line(charrnn: Run) -> None:
    rows = [f"{label},{letter * n}" for label, letter in (("one", "a"), ("two", "b")) for n in range(1, 60)]
    Path("list.csv").write_text("\n".join(["kind,name", *rows]))
    options = ["--cell", "rnn", "--hidden-size", 8, "--seq-len", 16, "--batch-size", 4, "--steps", 60, "--out", "run"]
    result = charrnn("train", "list.csv", "--documents", "csv:name", "--label", "csv:kind", *options)
    assert result.status == 0
    assert "2 distinct characters, 2 labels;" in result.err
    Path("new.csv").write_text("name\naaa\nbb\n")
    rows = [
        json.loads(line)
        for line in charrnn("classify", "run", "new.csv", "--column", "name", "--jsonl").out.split("\n")[:-1]
    ]
    assert [row["label"] for row in rows] == ["one", "two"]
    table = list(csv.DictReader(io.StringIO(charrnn("classify", "run", "new.csv", "--column", "name", "--csv").out)))
    assert [float(row["two"]) > 0.5 for row in table] == [False, True]
    values = json.loads(charrnn("classify", "run", "new.csv", "--column", "name", "--json").out)
    assert (values["lines"], values["labels"]) == (2, ["one", "two"])
    assert charrnn("classify", "run", "new.csv", "--column", "name").out.splitlines()[1].startswith("one")
    assert "are right, " in charrnn("evaluate", "run").out
    assert json.loads(charrnn("evaluate", "run", "--json").out)["labels"] == ["one", "two"]
    written = charrnn("sample", "run", "--label", "two", "--num-samples", 5, "--seed", 1, "--quiet").out
    assert written.count("b") > 4 * written.count("a")
    assert "label 'three' is not known" in charrnn("sample", "run", "--label", "three").err
    Path("bad.txt").write_text("z\n")
    assert "line 1: character 'z'" in charrnn("classify", "run", "bad.txt").err


def test_a_model_without_labels_classifies_nothing(run: Path, charrnn: Run) -> None:
    result = charrnn("classify", run, "missing.txt")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "knows no labels: train it with --documents and --label" in result.err
