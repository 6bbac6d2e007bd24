"""The library of named texts: one comes with the package, the others are downloaded on request and checked.

No download is trusted: each file must have the SHA-256 written here. For machines without internet, the variable
CHARRNN_MIRROR names a folder on a server (https, or http on this machine) that holds the files under their names, and
`charrnn corpora fetch NAME --from FILE` uses a copy obtained by other means.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from charrnn.errors import TextError
from charrnn.settings import did_you_mean, shown
from charrnn.text.reading import STDIN, Reading, check_sources, read_files
from charrnn.whole_file import whole_file

DEFAULT = "clockmakers-cup"
MIRROR = "CHARRNN_MIRROR"
CACHE = "CHARRNN_CACHE"
MOST_ADDRESS = 2000  # characters
SILENCE_SECONDS = 30  # of the server, after which a download ends
DOWNLOAD_SECONDS = 600  # for a whole download


@dataclass(frozen=True)
class LibraryText:
    """A text that can be named instead of a file. `url` is None for the bundled one."""

    name: str
    title: str
    licence: str
    characters: int
    distinct: int
    sha256: str
    url: str | None = None

    @property
    def file_name(self) -> str:
        return f"{self.name}.txt"

    @property
    def most_bytes(self) -> int:
        """No file of this text is longer: a character takes at most four bytes."""
        return 4 * self.characters


LIBRARY = {
    text.name: text
    for text in (
        LibraryText(
            DEFAULT, "The Clockmaker's Cup, a novel in 24 chapters", "CC0 1.0", 356_123, 80,
            "fe73579e9431103d12c5f2b13b87e3bcc3e3a94feed3818a28917839838f059a",
        ),
        LibraryText(
            "tinyshakespeare", "Parts of Shakespeare's plays", "public domain", 1_115_394, 65,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        ),
        LibraryText(
            "nietzsche", "Nietzsche: Beyond Good and Evil and other writings, translated", "public domain",
            600_893, 84, "23cf69874ab69d3d256099ab530ea4be24d47d9675b673bcc67cbcd6298ec647",
            "https://s3.amazonaws.com/text-datasets/nietzsche.txt",
        ),
    )
}  # fmt: skip


def read_text(sources: Sequence[str], encoding: str = "utf-8") -> Reading:
    """The text that a user named: files, `-`, the name of a library text, or nothing for the bundled novel.

    A library text that is neither bundled nor in the cache is downloaded first.
    """
    sources = sources or [DEFAULT]
    check_sources(sources)
    named = [source for source in sources if source in LIBRARY and not os.path.exists(source)]
    if named and len(sources) > 1:
        raise TextError(f"'{named[0]}' is a library text, which cannot be joined with files: name it alone")
    if named:
        text = LIBRARY[named[0]]
        return Reading(read_files([str(local_path(text) or fetch(text))]).text, text.name, ())
    only = sources[0] if len(sources) == 1 else STDIN
    if only != STDIN and not os.path.exists(only) and (close := did_you_mean(only, LIBRARY)):
        raise TextError(f"{shown(only)} is neither a file nor the name of a corpus{close}")
    return read_files(sources, encoding)


def local_path(text: LibraryText) -> Path | None:
    """The path of the text on this machine, or None."""
    if text.url is None:
        return Path(str(resources.files("charrnn.text") / "data" / f"the-{text.name}.txt"))
    path = cache_folder() / text.file_name
    return path if path.is_file() and file_sha256(path) == text.sha256 else None


def fetch(text: LibraryText, copy: str | None = None) -> Path:
    """Put a text into the cache, from its address, the mirror or a file, and verify its checksum."""
    folder = cache_folder()
    if copy is not None:
        return _take_copy(text, Path(copy), folder)
    try:
        import pooch
    except ImportError:
        raise TextError(
            f"downloading '{text.name}' needs the package pooch: pip install 'charrnn[data]', "
            f"or: charrnn corpora fetch {text.name} --from FILE"
        ) from None
    url = _address(text)
    pooch.get_logger().setLevel("ERROR")

    def download(address: str, file: str, pooch: Any) -> None:
        Path(file).write_bytes(_download(address, text.most_bytes))

    try:
        return Path(pooch.retrieve(url, f"sha256:{text.sha256}", text.file_name, folder, downloader=download))
    except ValueError as error:  # pooch raises it if the checksum differs
        raise TextError(f"{url} is not the expected text: {' '.join(str(error).split())}") from None
    except OSError as error:
        reason = " ".join(str(error).split())
        raise TextError(
            f"cannot download '{text.name}' from {url}: {reason[:200]}; without internet, set {MIRROR} "
            f"or use: charrnn corpora fetch {text.name} --from FILE"
        ) from None


def cache_folder() -> Path:
    """The folder of downloaded texts: CHARRNN_CACHE, or the user's cache folder."""
    chosen = os.environ.get(CACHE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "charrnn"


def _download(url: str, most: int) -> bytes:
    """The bytes that an address sends, at most `most`, within the time limit however slowly they come.

    Raises
    ------
    OSError
        There is no answer, or it is too long or too slow.
    """
    import requests  # pooch needs it, too

    received, failures, ended = bytearray(), list[Exception](), threading.Event()

    def receive() -> None:
        try:
            with requests.get(url, stream=True, timeout=SILENCE_SECONDS) as answer:
                answer.raise_for_status()
                for piece in answer.iter_content(1 << 13):
                    received.extend(piece)
                    if len(received) > most or ended.is_set():
                        return
        except Exception as error:
            failures.append(error)

    receiver = threading.Thread(target=receive, daemon=True)  # a read of a few bytes a minute cannot be interrupted
    receiver.start()
    receiver.join(DOWNLOAD_SECONDS)
    ended.set()
    if receiver.is_alive():
        raise OSError(f"it is not complete after {DOWNLOAD_SECONDS:g} seconds")
    if failures:
        raise OSError(str(failures[0]))
    if len(received) > most:
        raise OSError(f"it is longer than the expected text: more than {most:,} bytes")
    return bytes(received)


def _address(text: LibraryText) -> str:
    assert text.url is not None
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return text.url
    try:
        parts = urlsplit(mirror)
    except ValueError as error:
        raise TextError(f"{MIRROR} is {shown(mirror)}, which is not an address: {error}") from None
    if not mirror.isprintable() or len(mirror) > MOST_ADDRESS:
        raise TextError(f"{MIRROR} is {shown(mirror)}, which is not an address")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        raise TextError(
            f"{MIRROR} is {shown(mirror)}: it must be an https address (http is allowed on this machine only)"
        )
    return f"{mirror.rstrip('/')}/{text.file_name}"


def _take_copy(text: LibraryText, source: Path, folder: Path) -> Path:
    if text.url is None:
        raise TextError(f"'{text.name}' is bundled with the package: there is nothing to fetch")
    if not source.is_file():
        raise TextError(f"'{source}' is not a file")
    try:
        with source.open("rb") as file:
            data = file.read(text.most_bytes + 1)
    except OSError as error:
        raise TextError(f"cannot read '{source}': {error.strerror}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != text.sha256:
        raise TextError(f"'{source}' is not {text.name}: its SHA-256 is {found}, expected {text.sha256}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / text.file_name) as kept:
            kept.write(data)
        return folder / text.file_name
    except OSError as error:
        raise TextError(f"cannot store '{text.name}' in '{folder}': {error.strerror}; set {CACHE}") from None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
