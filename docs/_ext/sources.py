"""A page for each source file: its text with line numbers and an anchor (`L-10`) for each line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.parsers import Parser

LANGUAGES = {".py": "python", ".c": "c", ".h": "c", ".toml": "toml", ".json": "json"}


def siblings(env: BuildEnvironment, docname: str) -> list[str]:
    """Return the sources in the folder of a source, and the packages in it, as documents."""
    folder = docname.rpartition("/")[0]
    found = (name for name in env.found_docs if re.fullmatch(rf"{folder}/([\w-]+|\w+/__init__)", name))
    return sorted(name for name in found if Path(env.doc2path(name)).suffix in LANGUAGES)


def link(docname: str, text: str, from_docname: str) -> nodes.paragraph:
    """Return a line that links to a document, which Sphinx resolves and checks."""
    label = nodes.literal(text, text)
    target = {"refdomain": "std", "reftype": "doc", "reftarget": f"/{docname}", "refdoc": from_docname}
    return nodes.paragraph("", "", addnodes.pending_xref("", label, refexplicit=True, refwarn=True, **target))


class SourceParser(Parser):
    """Reads a source file as one block of code, under its path as the title."""

    supported = ("source",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fill the document of a page with the text of the file."""
        env = document.settings.env
        path = Path(env.doc2path(env.docname, base=False))
        # It is reached by links, not through the contents; its words would bury the pages' in a search.
        env.metadata[env.docname] |= {"orphan": "", "nosearch": "", "hide-toc": ""}
        title = path.as_posix().removeprefix("src/")
        section = nodes.section("", nodes.title("", "", nodes.literal(title, title)), ids=["source"])
        block = nodes.literal_block(inputstring, inputstring, language=LANGUAGES[path.suffix], linenos=True)
        block["highlight_args"] = {"lineanchors": "L", "anchorlinenos": True}
        document += section
        section += block
        files = nodes.bullet_list()
        for name in siblings(env, env.docname):
            inside = Path(env.doc2path(name, base=False)).relative_to(path.parent).as_posix()
            files += nodes.list_item("", link(name, inside.replace("/__init__.py", "/"), env.docname))
        section += nodes.section("", nodes.title("", "In this folder"), files, ids=["files"])


def share_contents(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Draw the contents beside a source once for each folder: no entry of them is the current page."""
    if doctree is not None and "nosearch" in app.env.metadata[name]:
        draw, drawn = context["toctree"], app.env.temp_data.setdefault("contents of folders", {})
        folder = name.rpartition("/")[0]
        context["toctree"] = lambda **options: drawn.get(folder) or drawn.setdefault(folder, draw(**options))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the parser for each kind of source file."""
    app.add_source_parser(SourceParser)
    app.connect("html-page-context", share_contents, priority=400)
    for suffix in LANGUAGES:
        app.add_source_suffix(suffix, "source")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
