"""Texts that are not held in memory: the same runs, from a file of ids that is made once and checked each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import charrnn
from charrnn.batching import BATCHERS
from charrnn.cli.evaluate import evaluate
from charrnn.errors import RunError, TextError
from charrnn.text import mapped as large
from charrnn.text.corpus import Corpus
from charrnn.text.library import file_sha256
from charrnn.text.reading import read_files
from charrnn.text.vocabulary import Vocabulary
from tests.torture.kills import contents
from tests.training.test_runs import Listener, train


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the ids."""
    monkeypatch.setattr(large, "LARGE_BYTES", 1)
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ids"


@pytest.mark.parametrize(("batching", "ngrams"), [*((name, "none") for name in sorted(BATCHERS)), ("chunked", "auto")])
def test_a_large_text_gives_the_run_of_a_small_one(
    batching: str, ngrams: str, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"batching": batching, "ngrams": ngrams, "steps": 40, "eval_every": 9, "test_fraction": 0.1}
    train(book, tmp_path / "small", **settings)
    monkeypatch.setattr(large, "LARGE_BYTES", 1)
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    run = train(book, tmp_path / "large", **settings)
    assert contents(tmp_path / "large") == contents(tmp_path / "small")
    assert isinstance(run.train_ids, large.MappedIds)
    assert charrnn.train(resume=run.path, steps=50, callback=Listener()).step == 50


def test_pieces_of_many_alphabets_and_files_are_the_same_corpus(everything_is_large: Path, tmp_path: Path) -> None:
    paths = []
    for k, text in enumerate(("Grüße\r\n" * 50, "日本語" * 400, "".join(chr(0x4E00 + k) for k in range(900)))):
        paths.append(str(tmp_path / f"{k}.txt"))
        Path(paths[-1]).write_bytes(text.encode())
    expected = Corpus.from_reading(read_files(paths))
    said: list[str] = []
    assert large.is_large(paths)
    corpus = large.large_corpus(paths, "utf-8", said.append)
    np.testing.assert_array_equal(corpus.ids, expected.ids)
    assert (corpus.vocabulary, corpus.sha256, corpus.name) == (expected.vocabulary, expected.sha256, expected.name)
    assert corpus.ids.dtype == expected.ids.dtype == np.uint16
    assert any("50 CRLF" in remark for remark in said)
    np.testing.assert_array_equal(corpus.ids[3:], expected.ids[3:])


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux counts a mapping's pages")
def test_mapped_ids_are_read_like_an_array_and_hold_no_pages(everything_is_large: Path, tmp_path: Path) -> None:
    text = "the cat struck two\n" * 500_000
    (tmp_path / "text").write_text(text)
    corpus = large.large_corpus([str(tmp_path / "text")], "utf-8")
    ids, expected = corpus.ids, Vocabulary(text).encode(text)
    at = np.arange(0, len(ids), 1000)[:, None] + np.arange(3)
    for index in (7, at, (slice(9, 99), None), ...):
        found = ids[5:-5][index]
        assert isinstance(found, np.ndarray | np.generic)
        np.testing.assert_array_equal(found, expected[5:-5][index])
    assert resident() == 0
    other = Vocabulary(text + "XYZ\x01")
    recoded = large.recoded(corpus, other)
    assert recoded is not None
    np.testing.assert_array_equal(recoded, other.encode(text))
    np.testing.assert_array_equal(recoded[9:99], other.encode(text[9:99]))
    assert large.recoded(corpus, Vocabulary("abc")) is None
    assert resident() == 0


def resident() -> int:
    """Kilobytes of the file of ids in this process's memory, as the system counts them."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0]:  # the first line of a mapping
            inside = line.endswith(".ids")
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def test_the_ids_are_made_once_and_made_again_where_they_are_damaged(everything_is_large: Path, book: Path) -> None:
    def encode() -> tuple[Corpus, list[str]]:
        said: list[str] = []
        return large.large_corpus([str(book)], "utf-8", said.append), said

    first, said = encode()
    assert "encoding" in said[0]
    again, said = encode()
    assert said == []
    np.testing.assert_array_equal(first.ids, again.ids)
    (ids,), (facts,) = everything_is_large.glob("*.ids"), everything_is_large.glob("*.json")
    for path, damage in ((ids, b"\0" * 10), (facts, b"{"), (facts, json.dumps({"format": 1}).encode())):
        path.unlink()
        path.write_bytes(damage)
        mended, said = encode()
        assert "encoding" in said[0]
        np.testing.assert_array_equal(first.ids, mended.ids)
    assert not list(everything_is_large.glob(".*"))


def test_what_the_cache_has_is_not_encoded_again(everything_is_large: Path) -> None:
    made: list[Path] = []

    def encode(ids_path: Path, facts_path: Path) -> dict[str, Any]:
        made.append(ids_path)
        ids_path.parent.mkdir(parents=True, exist_ok=True)
        ids_path.write_bytes(b"ids")
        facts = {"format": 7, "remarks": ["a remark"], "ids_sha256": file_sha256(ids_path)}
        facts_path.write_bytes(large.sealed(facts))
        return facts

    for form, times, first in ((7, 1, ["doing it into"]), (7, 1, []), (8, 2, ["doing it into"])):
        said: list[str] = []
        path, facts = large.from_cache("key", form, said.append, "doing it", encode)
        assert path == everything_is_large / "key.ids"
        assert (len(made), facts["remarks"]) == (times, ["a remark"])
        assert [text[:13] for text in said] == [*first, "a remark"]


def test_what_is_wrong_with_a_large_text_is_said_and_leaves_nothing(everything_is_large: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"fine\n" * 500 + b"\xff")
    with pytest.raises(TextError, match="byte 0xFF at offset 2,500"):
        train(path, tmp_path / "run", steps=3)
    assert not list(everything_is_large.glob("*"))
    assert not (tmp_path / "run").exists()


def test_another_large_text_is_refused_on_resume(everything_is_large: Path, book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=3)
    book.write_text(book.read_text() + "more")
    with pytest.raises(RunError, match="is not the text that the run was trained on"):
        charrnn.train(resume=run.path, steps=9, callback=Listener())


def test_a_validation_split_that_takes_minutes_is_remarked_on(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charrnn.training.announce.MUCH", 100)
    monkeypatch.setattr("charrnn.training.announce.ENOUGH", 50)
    remarks, characters = [], len(book.read_text())
    for name, settings in (
        ("much", {}),
        ("enough", {"val_fraction": 100 / characters}),
        ("named", {"val": str(book)}),
    ):
        listener = Listener()
        train(book, tmp_path / name, listener, steps=2, **settings)
        remarks.append([text for text in listener.messages if "each evaluation reads all" in text])
    (remark,), *others = remarks
    assert f"all {characters - int(0.9 * characters):,} characters of the validation split" in remark
    assert f"--val-fraction {50 / characters:.1g}" in remark
    assert others == [[], []]


def test_evaluation_reads_large_texts_from_their_ids(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(book, tmp_path / "run", steps=5)
    (tmp_path / "some.txt").write_text("the cat struck two.\n" * 50)  # not every character of the vocabulary
    (tmp_path / "more.txt").write_text("the cat struck two.\n" * 50 + "é")
    lines = [
        [run.path], [run.path, "--split", "train"], [run.path, tmp_path / "some.txt", "--dynamic"],
        [run.path, tmp_path / "more.txt"], [run.path, tmp_path / "more.txt", "--on-unknown", "skip"],
    ]  # fmt: skip

    def results() -> list[tuple[str, str]]:
        done = [CliRunner().invoke(evaluate, [*map(str, line), "--json"]) for line in lines]
        return [(result.stdout, str(result.exception)) for result in done]

    small = results()
    assert "é" in small[3][1]
    monkeypatch.setattr(large, "LARGE_BYTES", 1)
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    assert results() == small
    assert list((tmp_path / "cache" / "ids").glob("*.ids"))


def test_the_share_of_a_large_text_that_is_encoded_grows_to_all(everything_is_large: Path, book: Path) -> None:
    told: list[tuple[str, float]] = []
    large.large_corpus([str(book)], "utf-8", tell=lambda *what: told.append(what))
    assert [what for what, _ in told] == ["reading", "encoding"]
    assert told[-1] == ("encoding", 1.0)
