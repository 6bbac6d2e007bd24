"""Links that mean something on a forge: to a folder, and to an `<a id=…>` inside a page."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

LINK = re.compile(r"\]\(([^)#:\s]+\.(?:py|md))[)#]")
ANCHOR = re.compile(r'<a id="([^"]+)">')


def linked_tests(root: Path) -> list[str]:
    """Return the files of the tests that pages link to; the other tests have no page."""
    pages = [*root.glob("*.md"), *root.glob("*/*.md"), *root.glob("docs/*/*.md")]
    links = ((page, link) for page in pages for link in LINK.findall(page.read_text(encoding="utf-8")))
    files = {(page.parent / link).resolve() for page, link in links}
    return sorted(file.relative_to(root).as_posix() for file in files if file.is_relative_to(root / "tests"))


class FolderLinks(SphinxTransform):
    """A link to a folder leads to its README.md, its `__init__.py`, or its first file."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        """Change the links of one document."""
        here = Path(self.env.doc2path(self.env.docname)).parent
        for node in self.document.findall(addnodes.pending_xref):
            folder = (here / node["reftarget"]).resolve()
            if node.get("reftype") != "myst" or node["refdomain"] == "doc" or not folder.is_dir():
                continue
            pages = [folder / "README.md", folder / "__init__.py", *sorted(folder.glob("*.*"))]
            docname = next((name for page in pages if page.exists() and (name := self.env.path2doc(str(page)))), None)
            if docname in self.env.found_docs:
                node["refdomain"], node["reftarget"], node["reftargetid"] = "doc", docname, None


def note_anchors(app: Sphinx, document: nodes.document) -> None:
    """Let links find an `<a id=…>`, as they find a heading."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for node in document.findall(nodes.raw):
        for name in ANCHOR.findall(node.astext()):
            slugs.setdefault(name, (node.line, name, name))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.add_transform(FolderLinks)
    app.connect("doctree-read", note_anchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
