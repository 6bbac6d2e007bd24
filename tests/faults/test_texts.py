"""Every door by which a text comes in: the bytes are looked at before advice is given, and what is mended in files is
mended everywhere.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import charrnn
from charrnn.errors import TextError
from charrnn.inspection import activations, inspect_text
from charrnn.language_model import LanguageModel
from charrnn.recipes import read_recipe
from charrnn.text.reading import read_files
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.callback import Callback
from tests.faults.commands import BOOK, QUICK, run

QUOTED = "“Where to?” asked the clock – it was an old one.\n‘Café’, said the cat…\n" * 30
LANGUAGES = {
    "English": BOOK, "Greek": "Το ρολόι του παλιού πύργου χτυπά αργά.\n" * 40,
    "Russian": "Старые часы на башне.\n" * 40, "Chinese": "古老的鐘樓敲了一下，貓跑了下來。\n" * 60,
    "German": "Die Bäckerstraße führt über die Brücke.\n" * 40,
}  # fmt: skip
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
MARKS = {
    "utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE,
}  # fmt: skip
ANY = ["utf-8", *WIDE, "utf-16", "utf-32", "cp1252", "latin-1"]


def read(folder: Path, data: bytes, encoding: str = "utf-8") -> tuple[str, tuple[str, ...]]:
    (folder / "text.txt").write_bytes(data)
    reading = read_files([str(folder / "text.txt")], encoding)
    return reading.text, reading.remarks


def refusal(folder: Path, data: bytes, encoding: str = "utf-8") -> str:
    with pytest.raises(TextError) as refused:
        read(folder, data, encoding)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", BOOK)
    return file.getvalue()


def test_windows_quotation_marks_are_not_taken_for_latin_1(tmp_path: Path) -> None:
    data = QUOTED.encode("cp1252")
    assert "--encoding cp1252" in refusal(tmp_path, data)
    assert "in cp1252 it is '“': read it with --encoding cp1252" in refusal(tmp_path, data, "latin-1")
    assert read(tmp_path, data, "cp1252")[0] == QUOTED
    assert "--encoding cp1252" in refusal(tmp_path, LANGUAGES["German"].encode("latin-1"))  # the same, and more


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("encoding", WIDE)
def test_utf_16_and_utf_32_are_recognised_with_and_without_marks(tmp_path: Path, language: str, encoding: str) -> None:
    text = LANGUAGES[language]
    bare, marked = text.encode(encoding), MARKS[encoding] + text.encode(encoding)
    for named in {"utf-8", "utf-16", "utf-32", "cp1252", "utf-16-be", "utf-16-le"} - {encoding}:
        assert f"read it with --encoding {encoding}" in refusal(tmp_path, bare, named)
        if not encoding.startswith(named):
            assert f"read it with --encoding {encoding[:6]}" in refusal(tmp_path, marked, named)
    for named in (encoding, encoding[:6]):
        found, remarks = read(tmp_path, marked, named)
        assert found == text
        assert "dropped the byte order mark at its beginning" in remarks[0]
    assert read(tmp_path, bare, encoding) == (text, ())


@pytest.mark.parametrize("given", ["utf-16", "utf-16-le", "utf-32", "latin-1", "ascii"])
def test_utf_8_is_recognised_where_another_encoding_was_named(tmp_path: Path, given: str) -> None:
    assert "--encoding utf-8" in refusal(tmp_path, LANGUAGES["Greek"].encode(), given)
    if given.startswith("utf"):
        assert "--encoding utf-8" in refusal(tmp_path, BOOK.encode(), given)


def test_utf_8_read_as_a_code_page_is_remarked_on(tmp_path: Path) -> None:
    _, remarks = read(tmp_path, "Die Bäckerstraße.\n".encode(), "cp1252")
    assert "is also valid utf-8" in remarks[0]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (gzip.compress(BOOK.encode()), "gzip-compressed: unpack it"), (bz2.compress(BOOK.encode()), "bzip2-compressed"),
        (lzma.compress(BOOK.encode()), "xz-compressed"), (zipped(), "a ZIP archive, as .docx"),
        (b"\x28\xb5\x2f\xfd" + os.urandom(99), "zstd-compressed"), (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "an old Office document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG image"), (b"\x7fELF" + bytes(99), "a program"),
        (b"book.txt" + bytes(249) + b"ustar\0" + bytes(99), "a tar archive"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named_whatever_the_encoding(tmp_path: Path, data: bytes, kind: str) -> None:
    for encoding in ("utf-8", "latin-1", "cp1252", "utf-16"):
        message = refusal(tmp_path, data, encoding)
        assert kind in message
        assert "--encoding" not in message


def test_no_code_page_is_guessed_for_other_scripts_or_damaged_files(tmp_path: Path) -> None:
    for language, encoding in (("Russian", "koi8-r"), ("Greek", "cp1253"), ("Chinese", "gb18030"), ("Chinese", "big5")):
        message = refusal(tmp_path, LANGUAGES[language].encode(encoding, "replace"))
        assert "if it is text in another encoding, name it" in message
    german = LANGUAGES["German"].encode()
    assert "the file is damaged there" in refusal(tmp_path, german[:500] + b"\xff" + german[500:])
    assert "zero byte" in refusal(tmp_path, b"one\0two\0 three\0four five\0")
    assert "--encoding utf" not in refusal(tmp_path, b"one\0two\0 three\0four five\0")


@pytest.mark.parametrize("encoding", ANY)
def test_marks_and_line_ends_are_mended_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    data = "one\r\ntwo\rthree é\r\n".encode(encoding)
    if encoding in MARKS:
        data = MARKS[encoding] + data
    text, remarks = read(tmp_path, data, encoding)
    assert text == "one\ntwo\nthree é\n"
    assert "2 CRLF and 1 CR line ends" in remarks[-1]
    assert ("dropped the byte order mark" in remarks[0]) == encoding.startswith("utf")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = tmp_path_factory.mktemp("model")
    (folder / "book.txt").write_text(BOOK)
    settings = {"cell": "rnn", "num_layers": 1, "hidden_size": 8, "seq_len": 16, "batch_size": 4}
    return charrnn.train(folder / "book.txt", out=folder / "run", steps=5, callback=Callback(), **settings).model


def test_texts_from_python_are_mended_as_files_are(model: LanguageModel) -> None:
    plain = "The clock\nstruck one,\nand the cat"
    for door in ("\ufeff" + plain, plain.replace("\n", "\r\n"), "\ufeff" + plain.replace("\n", "\r")):
        assert model.generate(door, 50, seed=1) == model.generate(plain, 50, seed=1)
        assert list(model.stream(door, 50, seed=1)) == list(model.stream(plain, 50, seed=1))
        assert model.score(door).per_char.tolist() == model.score(plain).per_char.tolist()
        assert model.evaluate(door) == model.evaluate(plain)
        assert inspect_text(model, door) == inspect_text(model, plain)
        assert activations(model, door).tolist() == activations(model, plain).tolist()
        assert model.score(door, "skip").characters == len(plain) - 1
    for stop in ("\r\n", "\r", ["\r\n", "\ufeff"]):
        assert model.generate(length=400, seed=1, stop=stop) == model.generate(length=400, seed=1, stop="\n")


def test_a_vocabulary_that_has_them_keeps_them() -> None:
    vocabulary = Vocabulary("a\r\n\ufeff")
    assert vocabulary.decode(vocabulary.encode("\ufeffa\r\n")) == "\ufeffa\r\n"


@given(st.text("ab\r\n\ufeffé", max_size=20))
def test_mending_is_what_reading_does(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    mended = Vocabulary("abé\n").mend(text)
    assert mended == text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if mended:
        assert read(tmp_path_factory.getbasetemp(), text.encode())[0] == mended


def test_the_command_line_mends_prompts_in_every_form(tmp_path: Path, model: LanguageModel) -> None:
    model.save(tmp_path / "model.safetensors")
    (tmp_path / "prompt.txt").write_bytes(b"\xef\xbb\xbfThe\r\ncat")
    expected = f"The\ncat{model.generate('The' + chr(10) + 'cat', 30, seed=1)}\n".encode()
    command = ("sample", "model.safetensors", "--length", 30, "--seed", 1, "--quiet", "--prompt")
    assert run(tmp_path, *command, "FILE:prompt.txt")[:2] == (0, expected)
    assert run(tmp_path, *command, "\ufeffThe\r\ncat")[:2] == (0, expected)
    (tmp_path / "wide.txt").write_bytes("The\r\ncat".encode("utf-16-be"))
    assert b"read it with --encoding utf-16-be" in run(tmp_path, *command, "FILE:wide.txt")[2]
    assert run(tmp_path, *command, "FILE:wide.txt", "--encoding", "utf-16-be")[:2] == (0, expected)
    with (tmp_path / "prompt.txt").open("rb") as prompt:
        assert run(tmp_path, *command, "-", stdin=prompt)[:2] == (0, expected)


def test_a_recipe_written_by_notepad_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xef\xbb\xbfhidden_size = 9\r\n")
    assert read_recipe(str(tmp_path / "mine.toml")).settings == {"hidden_size": 9}


def test_a_file_name_that_is_not_utf_8_is_as_good_as_any(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        (tmp_path / name).write_text(BOOK)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    status, _, err = run(tmp_path, "train", name, *QUICK)
    assert status == 0
    assert b"text caf%E9.txt: 3,440 characters" in err
    assert run(tmp_path, "evaluate", "run")[0] == 0
    status, _, err = run(tmp_path, "train", os.fsdecode(b"none\xe9.txt"))
    assert (status, err.count(b"\n")) == (2, 1)
    assert rb"'none\xe9.txt' is neither a file" in err
