"""The contents are the lists of links on the pages: `docs/index.md` has the parts, some pages have pages below them.

One list serves readers of the repository and of the site, so that the two cannot differ.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Pages with pages below them: those that they link to, in this folder.
BELOW = {
    "docs/derivations/README": "docs/derivations/",
    "docs/decisions/README": "docs/decisions/",
    "docs/results": "docs/results/",
    "course/README": "course/",
}
NOT_IN_CONTENTS = "docs/README"  # it leads readers of the repository to the front page
LINK = re.compile(r"\[([^]]+)\]\(([^)#:\s]+)\.(?:md|ipynb)\)")
ITEM = re.compile(r"^(?:[-*]|\d+\.) .*\n?(?:[ ]+.*\n?)*", re.MULTILINE)


def linked(docname: str, text: str) -> dict[str, str]:
    """Return the documents that a text links to, each once, in their order, and the words of the link."""
    found: dict[str, str] = {}
    for words, name in LINK.findall(text):
        found.setdefault(posixpath.normpath(posixpath.join(posixpath.dirname(docname), name)), words)
    found.pop(docname, None)
    return found


def below(docname: str, text: str) -> list[str]:
    """Return the documents below a page of the contents: those that it links to in its own folder."""
    return [name for name in linked(docname, text) if name.startswith(BELOW.get(docname, "none"))]


def parts(docname: str, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the parts of the front page, which are its sections, and the documents that the lists of each link to."""
    for heading, section in re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", text, re.MULTILINE):
        yield heading, linked(docname, "\n".join(ITEM.findall(section)))


def toctree(entries: list[str], caption: str = "") -> str:
    lines = [f":caption: {caption}"] if caption else []
    return "\n".join(["\n\n```{toctree}", ":hidden:", *lines, "", *entries, "```\n"])


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add the contents that a page's links make."""
    text = source[0]
    if docname == app.config.root_doc:
        for heading, documents in parts(docname, text):
            source[0] += toctree([f"{words} </{name}>" for name, words in documents.items()], heading)
    elif docname == NOT_IN_CONTENTS:
        app.env.metadata[docname] |= {"orphan": "", "nosearch": ""}
    elif docname in BELOW:
        source[0] += toctree([f"/{name}" for name in below(docname, text)])


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the contents to pages when they are read."""
    app.connect("source-read", add_contents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
