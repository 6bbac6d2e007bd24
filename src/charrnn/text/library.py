"""The library of named texts: one comes with the package, the others are downloaded on request and checked.

No download is trusted: each file must have the SHA-256 written here. For machines without internet, the variable
CHARRNN_MIRROR names a folder on a server (https, or http on this machine) that holds the files under their names, and
`charrnn corpora fetch NAME --from FILE` uses a copy obtained by other means.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

from charrnn.errors import TextError
from charrnn.text.reading import STDIN, Reading, check_sources, read_files

DEFAULT = "clockmakers-cup"
MIRROR = "CHARRNN_MIRROR"
CACHE = "CHARRNN_CACHE"
TIMEOUT_S = 30


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
    named = [source for source in sources if source in LIBRARY and not Path(source).exists()]
    if named and len(sources) > 1:
        raise TextError(f"'{named[0]}' is a library text, which cannot be joined with files: name it alone")
    if named:
        text = LIBRARY[named[0]]
        return Reading(read_files([str(local_path(text) or fetch(text))]).text, text.name, ())
    if len(sources) == 1 and sources[0] != STDIN and not Path(sources[0]).exists():
        close = difflib.get_close_matches(sources[0], LIBRARY, n=1)
        if close:
            raise TextError(f"'{sources[0]}' is neither a file nor the name of a corpus: did you mean '{close[0]}'?")
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
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_S)
    try:
        return Path(pooch.retrieve(url, f"sha256:{text.sha256}", text.file_name, folder, downloader=downloader))
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


def _address(text: LibraryText) -> str:
    assert text.url is not None
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return text.url
    try:
        parts = urlsplit(mirror)
    except ValueError as error:
        raise TextError(f"{MIRROR} is '{mirror}', which is no address: {error}") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        raise TextError(f"{MIRROR} is '{mirror}': it must be an https address (http is allowed on this machine only)")
    return f"{mirror.rstrip('/')}/{text.file_name}"


def _take_copy(text: LibraryText, source: Path, folder: Path) -> Path:
    if text.url is None:
        raise TextError(f"'{text.name}' is bundled with the package: there is nothing to fetch")
    if not source.is_file():
        raise TextError(f"'{source}' is not a file")
    found = file_sha256(source)
    if found != text.sha256:
        raise TextError(f"'{source}' is not {text.name}: its SHA-256 is {found}, expected {text.sha256}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{text.file_name}.part"
        shutil.copyfile(source, part)
        return part.replace(folder / text.file_name)
    except OSError as error:
        raise TextError(f"cannot keep '{text.name}' in '{folder}': {error.strerror}; set {CACHE}") from None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
