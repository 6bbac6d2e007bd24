"""The site: the repository's own pages and sources, each at the address of its file. `./run docs` builds it.

The root of the site is the root of the repository, so that a relative link means the same in an editor, on a forge and
on the site. What is not Markdown becomes a page by the extensions in `_ext/`.
"""

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(ROOT / "src")]

from links import linked_tests  # noqa: E402
from reference import link_to_source as linkcode_resolve  # noqa: E402, F401

from charrnn import __version__  # noqa: E402

project = "charrnn"
author = "the charrnn authors"
copyright = author
version = release = __version__
root_doc = "docs/index"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.linkcode",
    "sphinx.ext.napoleon",
    "check_links",
    "contents",
    "equations",
    "links",
    "reference",
    "sources",
]
include_patterns = [
    "*.md",
    "LICENSE",
    "benchmarks/**",
    "course/**",
    "docs/**",
    "editions/**",
    "notebooks/**",
    "src/charrnn/**",
    "tests/reference/**",
    *linked_tests(ROOT),
]
exclude_patterns = ["docs/_build/**", "docs/results/**/*.json", "docs/conf.py", "**/__pycache__/**"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types in signatures: most are NumPy's, or belong to no page

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6
default_role = "py:obj"  # docstrings write names in single backticks: code, and a link where the name has a page
autodoc_preserve_defaults = True
autodoc_type_aliases = {"Array": "Array"}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
nb_execution_mode = "off"  # the notebooks are executed where they are built, and tested

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "charrnn"
html_static_path = ["_ext/static"]
html_css_files = ["site.css"]
html_extra_path = ["_ext/root"]  # the address of the whole site leads to the front page
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
templates_path = []
pygments_style = "friendly"
pygments_dark_style = "native"


def setup(app):
    """Read every page again when an extension has changed."""
    extensions = b"".join(file.read_bytes() for file in sorted((Path(__file__).parent / "_ext").glob("*.py")))
    app.add_config_value("extensions_digest", hashlib.sha256(extensions).hexdigest(), "env")
