"""Large lists: cut once into a file of ids in the cache, which gives the runs of a list that is cut by every run."""

from __future__ import annotations

import json
import random
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import charrnn
from charrnn.cli.sample import sample
from charrnn.errors import TextError
from charrnn.text import mapped, opening, reading, stored_documents
from charrnn.text.documents import DocumentCorpus
from charrnn.text.forms import Form
from charrnn.text.opening import Plan, open_corpus
from charrnn.text.reading import lines_of
from charrnn.text.stored_documents import StoredDocuments
from tests.torture.kills import contents
from tests.training.test_runs import Listener

RANDOM = random.Random(0)
TEXTS = ["".join(RANDOM.choices("abcdé 日", k=RANDOM.choice([1, 2, 5, 9]))) + "x" for _ in range(300)]
ROWS = [(RANDOM.choice(["high", "low"]), text) for text in TEXTS]
LISTS = {  # by the setting of --documents and --label
    ("lines", None): "\n\n".join(TEXTS) + "\n",
    ("lines", "tsv"): "\n".join(f"{label}\t{text}" for label, text in ROWS),
    ("paragraphs", None): "\n \n\n".join(f"{text}\n{text}" for text in TEXTS),
    ("jsonl:name", None): "\n".join(json.dumps({"name": text + "\r\n", "id": k}) for k, text in enumerate(TEXTS)),
    ("jsonl:name", "jsonl:kind"): "\n".join(json.dumps({"kind": kind, "name": text}) for kind, text in ROWS),
    ("csv:name", "csv:kind"): "kind,name\n" + "\n".join(f'{kind},"{text}\n""{text}"""' for kind, text in ROWS),
}
SMALL: dict[str, Any] = {"cell": "rnn", "hidden_size": 12, "batch_size": 4, "seq_len": 9, "seed": 3, "dtype": "float64"}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the ids."""
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ids"


@pytest.fixture
def every_list_is_large(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(opening, "LARGE_LIST_BYTES", 1)


def opened(path: Path, plan: Plan) -> tuple[DocumentCorpus, list[str]]:
    said: list[str] = []
    corpus, text = open_corpus([str(path)], "utf-8", said.append, lambda what, share: None, plan)
    assert isinstance(corpus, DocumentCorpus)
    assert text == ""
    return corpus, said


@pytest.mark.parametrize(("documents", "label"), LISTS)
@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("large_ids", [False, True])
def test_it_is_the_corpus_of_a_list_that_is_held_in_memory(
    documents: str, label: str | None, unique: bool, named: bool, large_ids: bool,
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path, val = tmp_path / "list", tmp_path / "val"
    path.write_bytes(LISTS[documents, label].encode())
    val.write_bytes(LISTS[documents, label][-900:].partition("\n")[2].encode())
    if documents.startswith("csv"):
        val.write_bytes(LISTS[documents, label][:900].encode().rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n")
    plan = Plan(documents, label, 5, unique, {"val": str(val)} if named else {}, 0.0 if named else 0.2, 0.1)
    expected, remarks = opened(path, plan)
    monkeypatch.setattr(opening, "LARGE_LIST_BYTES", 1)
    if large_ids:
        monkeypatch.setattr(mapped, "LARGE_BYTES", 1)
    for again in (False, True):
        found, said = opened(path, plan)
        assert isinstance(found, StoredDocuments)
        assert said[not again :] == remarks
        assert again or "cutting and encoding" in said[0]
        assert (found.name, found.sha256, found.labels) == (expected.name, expected.sha256, expected.labels)
        assert (found.number, found.repeats) == (expected.number, expected.repeats)
        assert found.vocabulary == expected.vocabulary
        assert len(found.ids) == len(expected.ids)
        assert sorted(found.documents) == sorted(expected.documents)
        parts, wanted = (corpus.split(plan.val_fraction, plan.test_fraction) for corpus in (found, expected))
        assert list(parts) == list(wanted)
        assert len(wanted["train"]) > len(wanted["val"]) > 1
        for name, ids in wanted.items():
            assert isinstance(parts[name], mapped.MappedIds if large_ids else np.ndarray)
            assert parts[name].dtype == ids.dtype
            np.testing.assert_array_equal(parts[name], ids)
    assert expected.repeats > 0
    assert bool(remarks) == named


def test_several_files_are_one_list_each_cut_by_itself(every_list_is_large: None, tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path, texts in zip(paths, (TEXTS[:100], TEXTS[100:]), strict=True):
        path.write_text("\n".join(texts))
    for form, number in (("lines", 300), ("files", 2)):
        plan, sources = Plan(form), [*map(str, paths)]
        corpus, _ = open_corpus(sources, "utf-8", lambda text: None, lambda what, share: None, plan)
        assert isinstance(corpus, StoredDocuments)
        assert corpus.number == number
        assert corpus.name == "a-and-1-more"


@pytest.mark.parametrize(("ngrams", "label"), [("none", None), ("auto", None), ("auto", "tsv")])
@pytest.mark.parametrize("large_ids", [False, True])
def test_a_large_list_gives_the_run_of_a_small_one(
    ngrams: str, label: str | None, large_ids: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "names.txt"
    path.write_text(LISTS["lines", label])
    settings = {**SMALL, "documents": "lines", "label": label, "ngrams": ngrams, "eval_every": 9, "unique": True}
    charrnn.train(path, out=tmp_path / "small", steps=40, callback=Listener(), **settings)
    expected = contents(tmp_path / "small")
    texts = [charrnn.evaluate(tmp_path / "small", *text, callback=Listener()) for text in ((), (path,))]
    monkeypatch.setattr(opening, "LARGE_LIST_BYTES", 1)
    if large_ids:
        monkeypatch.setattr(mapped, "LARGE_BYTES", 1)
    run = charrnn.train(path, out=tmp_path / "large", steps=40, callback=Listener(), **settings)
    assert contents(tmp_path / "large") == expected
    assert len(list(folder.glob("*.ids"))) == 1
    val, whole = (charrnn.evaluate(run.path, *text, callback=Listener()) for text in ((), (path,)))
    assert val.nats_per_char == texts[0].nats_per_char
    assert whole.nats_per_char == pytest.approx(texts[1].nats_per_char, rel=1e-12)
    assert (whole.documents, whole.characters) == (texts[1].documents, texts[1].characters)
    assert charrnn.train(resume=run.path, steps=50, callback=Listener()).step == 50
    written = CliRunner().invoke(sample, [str(run.path), "--num-samples", "5", "--new", "--seed", "1", "--json"])
    assert not set(json.loads(written.stdout)["samples"]) & set(TEXTS)
    assert len(list(folder.glob("*.ids"))) == 1


def test_it_is_cut_once_and_again_where_the_file_is_damaged(
    every_list_is_large: None, folder: Path, tmp_path: Path
) -> None:
    path, plan = tmp_path / "names.txt", Plan("lines", seed=1, val_fraction=0.2)
    path.write_text("\n".join(TEXTS))
    first, said = opened(path, plan)
    assert "cutting" in said[0]
    assert opened(path, plan)[1] == []
    (ids,), (facts,) = folder.glob("*.ids"), folder.glob("*.json")
    flipped = bytearray(ids.read_bytes())
    flipped[100] ^= 1
    other = json.loads(facts.read_text())
    other["parts"]["train"][1] -= 1
    for at, damage in (
        (ids, bytes(flipped)), (ids, ids.read_bytes()[:-1]), (ids, b""), (facts, b"{"), (facts, b'{"format": 1}'),
        (facts, json.dumps(other).encode()),
    ):  # fmt: skip
        at.unlink()
        at.write_bytes(damage)
        mended, said = opened(path, plan)
        assert "cutting" in said[0]
        np.testing.assert_array_equal(first.ids, mended.ids)
        assert opened(path, plan)[1] == []
    for differs in (plan._replace(seed=2), plan._replace(unique=True), plan._replace(documents="files")):
        assert "cutting" in opened(path, differs._replace(val_fraction=0.0))[1][0]
    path.write_text("\n".join(TEXTS[1:]))
    assert "cutting" in opened(path, plan)[1][0]
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("text", "plan", "complaint"),
    [
        (b'{"name": "a"}\n' * 9 + b"{\n", Plan("jsonl:name"), "line 10 is not JSON"),
        (b'{"name": "a"}\n' * 9 + b'{"name": "a\\u0000b"}\n', Plan("jsonl:name"), "line 10: 'name' has a zero byte"),
        (b'{"name": "\\ud800"}\n' * 9, Plan("jsonl:name"), "line 1: 'name' has half of a surrogate pair"),
        (b"ab\n" * 9 + b"\xff", Plan("lines"), "byte 0xFF at offset 27"),
        (b"\n \n" * 9, Plan("lines"), "holds no document"),
        (b"high\tab\nab\n", Plan("lines", "tsv"), "line 2 has no tab"),
        ("high\ta\U00100000b\n".encode(), Plan("lines", "tsv"), r"U\+100000, a private character"),
        ("".join(f"{k}\ta\n" for k in range(1001)).encode(), Plan("lines", "tsv"), "1,001 different labels"),
        (b"ab\n", Plan("csv:name"), "has no column 'name': choose from other"),
    ],
)
def test_what_is_wrong_with_a_large_list_is_that_of_a_small_one_and_leaves_nothing(
    text: bytes, plan: Plan, complaint: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list"
    path.write_bytes(text)
    if plan.documents == "csv:name":
        path.write_bytes(b"other\n" + text)
    for least in (1 << 30, 1):
        monkeypatch.setattr(opening, "LARGE_LIST_BYTES", least)
        with pytest.raises(TextError, match=complaint):
            opened(path, plan)
    assert not list(folder.glob("*"))


def test_a_part_without_documents_is_refused(every_list_is_large: None, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("ab\nab\nab\n")
    for fractions, name in (((0.001, 0.0), "val"), ((0.0, 0.001), "test"), ((0.999, 0.0), "train")):
        plan = Plan("lines", val_fraction=fractions[0], test_fraction=fractions[1])
        corpus, _ = opened(path, plan)
        with pytest.raises(TextError, match=f"has 3 documents .2 repeats; .*; none is in the {name}"):
            corpus.split(*fractions)


@pytest.mark.parametrize("meanwhile", [b"ab\ncd\n", b"abc\n" * 50, b"ab\n" * 49 + b"a", b"ab\n" * 49 + b"zz\n"])
def test_a_list_that_changes_while_it_is_cut_is_refused(
    meanwhile: bytes, every_list_is_large: None, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"ab\n" * 50)
    passes: list[str] = []
    documents = stored_documents._Reading.documents

    def changing(one: Any) -> Iterator[tuple[int, str]]:
        passes.append(one.what)
        if one.what == "encoding":
            path.write_bytes(meanwhile)
        return documents(one)

    monkeypatch.setattr(stored_documents._Reading, "documents", changing)
    with pytest.raises(TextError, match="list changed while it was encoded"):
        opened(path, Plan("lines"))
    assert passes == ["reading", "encoding"]
    assert not list(folder.glob("*"))


def test_the_memory_of_cutting_grows_by_some_bytes_a_document(
    every_list_is_large: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 1 << 16)
    monkeypatch.setattr(stored_documents, "WRITTEN", 1 << 12)

    def peak(documents: int) -> int:
        path = tmp_path / f"{documents}.txt"
        path.write_text("".join(f"{k} is a document of this list\n" for k in range(documents)))
        tracemalloc.start()
        opened(path, Plan("lines", val_fraction=0.1, unique=True))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = 10_000, 50_000  # each more than a piece of the file
    grows = (peak(many) - peak(few)) / (many - few)
    assert 20 < grows < 120


def test_paragraphs_are_what_stands_between_empty_lines() -> None:
    pick = random.Random(1)
    for _ in range(3000):
        text = "".join(pick.choices(["\n", " ", "\t", "a", "bc\n", "\n\n"], k=pick.randint(1, 9)))
        expected = [part.strip("\n") for part in re.split(r"\n(?:[ \t]*\n)+", text)]
        found = list(Form.of("paragraphs").cut(text.split("\n"), "list"))
        assert [p for p in found if p.strip()] == [p for p in expected if p.strip()], repr(text)


def test_lines_of_pieces_are_those_of_the_whole() -> None:
    pick = random.Random(2)
    for _ in range(500):
        pieces = ["".join(pick.choices("ab\n", k=pick.randint(0, 4))) for _ in range(pick.randint(0, 5))]
        assert list(lines_of(pieces)) == "".join(pieces).split("\n")
