"""Equations: set as MathML, which a browser shows without a script, and reached under their labels from any page.

A block of equations is a block of code without a language, whose lines end in labels; in a derivation every such block.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from notation import latex
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

DERIVATIONS = "docs/derivations/"
LABEL = re.compile(r"\[([a-z]+\.\d+)\]")
LINE = re.compile(r"(.*?\S)(?: +(\[[a-z]+\.\d+\](?: \+ \[[a-z]+\.\d+\])*)(?: +(\S.*))?)?")
logger = logging.getLogger(__name__)


def equation(line: str, location: object) -> nodes.container:
    """Return the row of one line: the equation, what is said beside it, and its label."""
    text, label, remark = LINE.fullmatch(line.rstrip()).groups()  # type: ignore[union-attr]
    row = nodes.container(classes=["equation"])
    try:
        html = tex2mathml(latex(text.strip() + (f"   {remark}" if remark else "")), as_block=True)
    except Exception as error:
        logger.warning("an equation cannot be set: %s", error, location=location)
        html = text
    row += nodes.raw("", html, format="html")
    if label:
        row["ids"] = LABEL.findall(label)[:1]
        row += nodes.inline(label, label, classes=["label"])
    return row


class Equations(SphinxTransform):
    """Turns blocks of equations into rows."""

    default_priority = 300

    def apply(self, **kwargs: object) -> None:
        """Change the blocks of one document."""
        derivation = self.env.docname.startswith(DERIVATIONS)
        for block in list(self.document.findall(nodes.literal_block)):
            plain = block.get("language", "none") in ("none", "default", "text")
            if plain and (derivation or re.search(rf"{LABEL.pattern}$", block.astext(), re.MULTILINE)):
                rows = [equation(line, block) for line in block.astext().splitlines() if line.strip()]
                block.replace_self(nodes.container("", *rows, classes=["equations"]))


class Labels(SphinxPostTransform):
    """Makes a label in a text a link to its equation."""

    default_priority = 700

    def run(self, **kwargs: object) -> None:
        """Change the texts of one document."""
        for text in list(self.document.findall(nodes.Text)):
            if isinstance(text.parent, (nodes.literal, nodes.literal_block, nodes.raw, nodes.reference, nodes.title)):
                continue
            parts = LABEL.split(text)  # texts and names, in turn
            found = [self.link(part) if number % 2 else nodes.Text(part) for number, part in enumerate(parts) if part]
            if len(parts) > 1:
                text.parent.replace(text, found)

    def link(self, name: str) -> nodes.Node:
        """Return a link to an equation; a label that no derivation has stays a text."""
        page = self.config.charrnn_labels.get(name)
        if page is None:
            return nodes.Text(f"[{name}]")
        address = self.app.builder.get_relative_uri(self.env.docname, page)
        return nodes.reference("", f"[{name}]", internal=True, refuri=f"{address}#{name}")


def read_labels(app: Sphinx, config: object) -> None:
    """Find the page of each label: the derivation that states it."""
    for page in sorted((Path(app.srcdir) / DERIVATIONS).glob("*.md")):
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("    ") and (label := LABEL.search(line)):
                app.config.charrnn_labels[label[1]] = f"{DERIVATIONS}{page.stem}"


def set_math(translator: nodes.NodeVisitor, node: nodes.math | nodes.math_block) -> None:
    """Write a formula in LaTeX, as the notebooks have them."""
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transforms and the renderer of formulas."""
    app.add_config_value("charrnn_labels", {}, "env")
    app.connect("config-inited", read_labels)
    app.add_transform(Equations)
    app.add_post_transform(Labels)
    app.add_html_math_renderer("mathml", (set_math, None), (set_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
