"""The finished site, read once more: every link and image inside it leads somewhere, to the anchor.

Sphinx checks the links of pages. This sees all others as well: those of the theme, of source lines, and of raw HTML.
"""

from __future__ import annotations

import functools
import html
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LINK = re.compile(r'(?:href|src)="([^"]+)"')
ANCHOR = re.compile(r'\b(?:id|name)="([^"]+)"')
OUTSIDE = re.compile(r"[a-z]+:")


@functools.cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page."""
    return set(ANCHOR.findall(page.read_text(encoding="utf-8")))


@functools.cache
def exists(path: Path) -> bool:
    return path.exists()


def broken(site: Path) -> Iterator[str]:
    """Yield each link that leads nowhere, after the page that it is on."""
    for page in sorted(site.rglob("*.html")):
        folder = page.parent
        if "_static" in folder.parts:
            continue
        for link in sorted(set(LINK.findall(page.read_text(encoding="utf-8")))):
            if OUTSIDE.match(link):
                continue
            path, _, anchor = html.unescape(link).partition("#")
            target = Path(os.path.normpath(folder / unquote(path.partition("?")[0]))) if path else page
            if not exists(target) or (anchor and target.suffix == ".html" and unquote(anchor) not in anchors(target)):
                yield f"{page.relative_to(site)}: {link}"


def check(app: Sphinx, error: Exception | None) -> None:
    """Warn of each link of the site that leads nowhere."""
    from sphinx.util import logging

    for link in () if error else broken(Path(app.outdir)):
        logging.getLogger(__name__).warning("a link that leads nowhere: %s", link)


def setup(app: Sphinx) -> dict[str, bool]:
    """Check the site when it is finished."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
