"""Reading files, splitting, and the library of named texts."""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import TextError
from charrnn.text import library
from charrnn.text import reading as reading_module
from charrnn.text.corpus import Corpus, text_sha256
from charrnn.text.library import DEFAULT, LIBRARY, fetch, local_path, read_text
from charrnn.text.reading import Reading, read_files


def read_bytes(folder: Path, data: bytes, encoding: str = "utf-8") -> Reading:
    path = folder / "text.txt"
    path.write_bytes(data)
    return read_files([str(path)], encoding)


def test_plain_utf8_is_read_as_it_is(tmp_path: Path) -> None:
    text = "Grüße, আমি, 中文, 😀\n"
    assert read_bytes(tmp_path, text.encode()) == Reading(text, "text.txt", ())


def test_a_byte_order_mark_and_crlf_are_mended_and_said(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, b"\xef\xbb\xbfone\r\ntwo\rthree\r\n")
    assert reading.text == "one\ntwo\nthree\n"
    assert "dropped the byte order mark" in reading.remarks[0]
    assert "2 CRLF and 1 CR line ends" in reading.remarks[1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"abc\xff", "byte 0xFF at offset 3"),
        (b"\xef\xbb\xbfabc\xff", "byte 0xFF at offset 6"),
        (b"a\r\n\xff", "byte 0xFF at offset 3"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"ok \xe4\xb8", "at offset 3"),
        (b"ab\0cd", "zero byte, at character 2"),
        ("text".encode("utf-16"), "--encoding utf-16"),
    ],
)
def test_what_is_not_text_is_refused_with_its_place(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(TextError, match=message):
        read_bytes(tmp_path, data)


@given(data=st.binary(min_size=1))
def test_all_bytes_load_or_are_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        text = read_bytes(tmp_path_factory.getbasetemp(), data).text.encode()
    except TextError:
        text = None
    expected = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert text in (None, expected)


def test_other_encodings(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "é".encode("latin-1"), "latin-1").text == "é"
    assert read_bytes(tmp_path, "é".encode("utf-16"), "utf-16").text == "é"
    for spelling in ("utf8", "UTF-8", "U8"):
        assert read_bytes(tmp_path, b"\xef\xbb\xbfa\r\n", spelling).text == "a\n"
    with pytest.raises(TextError, match="surrogates not allowed"):
        read_bytes(tmp_path, b"\\ud800", "unicode_escape")
    with pytest.raises(TextError, match="encoding 'base64' is not known"):
        read_bytes(tmp_path, b"x", "base64")
    with pytest.raises(TextError, match="encoding 'klingon' is not known"):
        read_bytes(tmp_path, b"x", "klingon")


def test_several_files_are_joined_at_line_ends(tmp_path: Path) -> None:
    for name, text in (("a", "one"), ("b", "two\n"), ("c", "three")):
        (tmp_path / name).write_text(text)
    reading = read_files([str(tmp_path / name) for name in "abc"])
    assert (reading.text, reading.name) == ("one\ntwo\nthree", "a-and-2-more")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("héllo".encode())))
    assert read_files(["-"]) == Reading("héllo", "stdin", ())


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="neither a file nor the name of a corpus"):
        read_files(["no-such-file"])
    with pytest.raises(TextError, match="is a folder"):
        read_files([str(tmp_path)])


def test_splits_are_contiguous_and_complete() -> None:
    corpus = Corpus.from_reading(Reading("".join(chr(97 + k % 26) for k in range(1003)), "x", ()))
    parts = corpus.split(0.1, 0.1)
    assert corpus.split_sizes(0.1, 0.1) == {name: len(ids) for name, ids in parts.items()}
    assert [len(parts[name]) for name in ("train", "val", "test")] == [802, 100, 101]
    assert (list(parts["train"]) + list(parts["val"]) + list(parts["test"])) == list(corpus.ids)


def test_the_split_of_tinyshakespeare_is_that_of_the_field(tinyshakespeare: Path) -> None:
    corpus = Corpus.from_reading(read_files([str(tinyshakespeare)]))
    assert corpus.split_sizes(0.1, 0.0) == {"train": 1_003_854, "val": 111_540, "test": 0}
    assert corpus.sha256 == LIBRARY["tinyshakespeare"].sha256


def test_a_split_too_small_to_predict_anything_is_refused() -> None:
    corpus = Corpus.from_reading(Reading("abcdefghij", "x", ()))
    with pytest.raises(TextError, match="leaves 1 for the val split"):
        corpus.split(0.1, 0.0)
    assert len(corpus.split(0.0, 0.0)["train"]) == 10


def test_the_bundled_novel_is_what_the_library_says() -> None:
    entry = LIBRARY[DEFAULT]
    reading = read_text([])
    assert (reading.name, len(reading.text), len(set(reading.text))) == (DEFAULT, entry.characters, entry.distinct)
    assert text_sha256(reading.text) == entry.sha256
    path = local_path(entry)
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A mirror on this machine, and an empty cache. Returns the mirror's folder."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    monkeypatch.setenv("CHARRNN_MIRROR", f"http://127.0.0.1:{httpd.server_port}")
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    yield folder
    httpd.shutdown()
    thread.join()
    httpd.server_close()


ENTRY = replace(LIBRARY["tinyshakespeare"], sha256=hashlib.sha256(b"To be").hexdigest())


def test_a_download_is_checked_and_cached(server: Path) -> None:
    (server / "tinyshakespeare.txt").write_text("To be")
    assert local_path(ENTRY) is None
    path = fetch(ENTRY)
    assert path.read_text() == "To be"
    (server / "tinyshakespeare.txt").unlink()
    assert local_path(ENTRY) == path


def test_a_download_that_differs_is_refused_and_leaves_nothing(server: Path) -> None:
    (server / "tinyshakespeare.txt").write_text("Not to be")
    with pytest.raises(TextError, match="is not the expected text"):
        fetch(ENTRY)
    assert local_path(ENTRY) is None
    assert not list(library.cache_folder().glob("*"))


def test_a_download_that_fails_says_what_to_do(server: Path) -> None:
    with pytest.raises(TextError, match=r"cannot download 'tinyshakespeare'.*404.*--from FILE"):
        fetch(ENTRY)


def test_a_copy_brought_by_hand_is_checked(server: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_text("To be")
    assert fetch(ENTRY, str(copy)).read_text() == "To be"
    copy.write_text("Not to be")
    with pytest.raises(TextError, match="its SHA-256 is"):
        fetch(ENTRY, str(copy))
    with pytest.raises(TextError, match="is not a file"):
        fetch(ENTRY, str(tmp_path / "missing"))
    with pytest.raises(TextError, match="bundled"):
        fetch(LIBRARY[DEFAULT], str(copy))


@pytest.mark.parametrize("mirror", ["http://example.org", "ftp://localhost", "file:///etc"])
def test_a_mirror_elsewhere_must_be_https(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_MIRROR", mirror)
    with pytest.raises(TextError, match="must be an https address"):
        fetch(ENTRY)


def test_a_damaged_file_in_the_cache_is_not_used(server: Path) -> None:
    (server / "tinyshakespeare.txt").write_text("To be")
    path = fetch(ENTRY)
    path.write_text("Not to be")
    assert local_path(ENTRY) is None
    assert fetch(ENTRY).read_text() == "To be"


def test_a_file_goes_before_a_library_text_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tinyshakespeare").write_text("mine")
    assert read_text(["tinyshakespeare"]).text == "mine"


def test_library_texts_stand_alone_and_misspelled_ones_are_guessed(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="did you mean 'tinyshakespeare'"):
        read_text(["tinyshakespear"])
    with pytest.raises(TextError, match="cannot be joined with files"):
        read_text([DEFAULT, "book.txt"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "é", "日", "😀", "\r", "\n", "\r\n"]), min_size=1, max_size=30), st.integers(1, 7)
)
def test_pieces_of_any_size_make_the_same_text(parts: list[str], size: int) -> None:
    text = "".join(parts)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "text"
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        whole = read_files([str(path)])
        patch.setattr(reading_module, "PIECE_BYTES", size + 3)  # a byte order mark is never cut
        assert read_files([str(path)]) == whole
        assert whole.text == text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("size", [5, 64, 1 << 22])
def test_offsets_do_not_depend_on_the_pieces(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "PIECE_BYTES", size)
    with pytest.raises(TextError, match=r"byte 0xFF at offset 41 "):
        read_bytes(tmp_path, "日本語abc\n".encode() * 3 + b"ab\xff")
    with pytest.raises(TextError, match=r"a zero byte, at character 21"):
        read_bytes(tmp_path, "日本語abc\n".encode() * 3 + b"\0")
    with pytest.raises(TextError, match=r"byte 0xE6 at offset 39 \(unexpected end"):
        read_bytes(tmp_path, "日本語abc\n".encode() * 3 + "日".encode()[:2])
