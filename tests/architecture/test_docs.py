"""What the pages promise: every cell has its row, every link and anchor resolves, every file that is named exists."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from charrnn.config import ModelConfig
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel

ROOT = Path(__file__).parents[2]
SRC, DOCS = ROOT / "src", ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("[bce]*/README.md")])
NOTEBOOKS = sorted([*ROOT.glob("course/*.ipynb"), *ROOT.glob("notebooks/*.ipynb")])
COLUMNS = ("equations", "code", "derivation", "specification", "proof", "benchmark", "study")
MEASURED = ("benchmark", "study")  # a new cell may have none yet, and says so
LINK = re.compile(r"\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"https?://[\w.-]+(?::\d+)?(?:/[^\s<>]*)?|mailto:\S+@\S+")
CONTENTS = runpy.run_path(str(DOCS / "_ext" / "contents.py"))  # how the site makes its contents from the lists of links


def written(page: Path) -> str:
    """The Markdown of a page, or of a notebook's cells."""
    if page.suffix != ".ipynb":
        return page.read_text()
    cells = json.loads(page.read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", written(page), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page: its headings, as GitHub names them, and `<a id=…>`."""
    text = without_code(page)
    found = set(re.findall(r'<a id="([^"]+)">', text))
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        found.add(next(s for k in range(100) if (s := f"{slug(heading)}-{k}" if k else slug(heading)) not in found))
    return found


def slug(heading: str) -> str:
    words = re.sub(r"\]\([^)]*\)", "", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def broken(page: Path, text: str) -> Iterator[str]:
    """Those links of a text on a page that lead nowhere."""
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link or link.startswith("mailto:"):
            if not ADDRESS.fullmatch(link):
                yield link
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def table(page: Path, first: str) -> dict[str, list[str]]:
    """The rows of the table whose first heading is `first`, by their first cell."""
    lines = page.read_text().splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *others = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = others
    return rows


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_and_its_anchor_resolve(page: Path) -> None:
    assert list(broken(page, without_code(page))) == []


# Cells: from the README to anything about one of them in two clicks.


def test_the_readme_leads_to_the_cells() -> None:
    assert "(docs/cells.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("cell", LAYERS)
def test_every_registered_cell_has_its_row(cell: str) -> None:
    page = DOCS / "cells.md"
    row = table(page, "cell").get(f"`{cell}`")
    assert row is not None, f"docs/cells.md has no row for {cell}"
    assert len(row) == len(COLUMNS)
    for column, content in zip(COLUMNS, row, strict=True):
        assert LINK.search(content) or (column in MEASURED and content == "not measured"), f"{cell}: {column}"
        assert list(broken(page, content)) == [], f"{cell}: {column}"
    links = dict(zip(COLUMNS, row, strict=True))
    assert f"(derivations/{cell}.md" in links["derivation"]
    assert f"(../tests/reference/{cell}.py)" in links["specification"]


def test_the_equations_of_the_cells_are_those_of_the_derivations() -> None:
    stated = re.findall(r"^    .*\[\w+\.\d+\]$", (DOCS / "cells.md").read_text(), re.MULTILINE)
    pages = [page.read_text() for page in (DOCS / "derivations").glob("*.md")]
    derived = {" ".join(line.split()) for text in pages for line in text.splitlines()}
    assert len(stated) > 10
    assert [line for line in stated if " ".join(line.split()) not in derived] == []


@pytest.mark.parametrize("cell", LAYERS)
def test_the_recorded_proof_of_a_cell_has_every_array(cell: str) -> None:
    sections = re.findall(
        r"^### (\w+)\n(.*?)(?=^### |\Z)", (DOCS / "gradients.md").read_text(), re.MULTILINE | re.DOTALL
    )
    recorded = dict(sections).get(cell)
    if recorded is None:
        proof = table(DOCS / "cells.md", "cell")[f"`{cell}`"][COLUMNS.index("proof")]
        assert "(gradients.md" not in proof
        pytest.skip(f"cells.md names another proof of {cell} than a section of gradients.md")
    layout = CharModel(ModelConfig(7, cell, 4)).layout
    assert set(re.findall(r"^((?:recurrent|readout)\.\w+)", recorded, re.MULTILINE)) == set(layout)


@pytest.mark.parametrize("cell", LAYERS)
def test_a_derivation_ends_with_code_proof_and_measurement(cell: str) -> None:
    foot = (DOCS / "derivations" / f"{cell}.md").read_text().splitlines()[-3:]
    assert [line.split(":")[0] for line in foot] == ["- Code", "- Proof", "- Benchmark"]
    assert f"charrnn gradcheck --cell {cell}" in foot[1]


# The index, the tour, the glossary, the decisions.


def test_the_readme_of_the_folder_leads_to_the_front_page() -> None:
    assert LINK.findall((DOCS / "README.md").read_text()) == ["index.md"]


def test_the_front_page_leads_to_every_page() -> None:
    front = CONTENTS["parts"]("docs/index", (DOCS / "index.md").read_text())
    listed = [name for _, documents in front for name in documents]
    assert len(listed) == len(set(listed)), "each page once"
    for name in listed:  # grows: pages have pages below them
        page = next(path for suffix in (".md", ".ipynb") if (path := ROOT / f"{name}{suffix}").exists())
        listed += CONTENTS["below"](name, page.read_text())
    written = {page.relative_to(ROOT).with_suffix("").as_posix() for page in DOCS.rglob("*.md")}
    assert written - {*listed} == {"docs/index", "docs/README"}


def module(name: str) -> Path | None:
    path = SRC.joinpath(*name.split("."))
    return next((p for p in (path / "__init__.py", path.with_suffix(".py")) if p.exists()), None)


def imports(path: Path) -> Iterator[Path | None]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("charrnn"):
            yield from (module(f"{node.module}.{name.name}") or module(str(node.module)) for name in node.names)


def all_that(name: str) -> set[Path]:
    """The files that a module imports, directly or not, itself included."""
    found: set[Path] = set()
    waiting = [module(name)]
    while waiting:
        path = waiting.pop()
        if path is not None and path not in found:
            found.add(path)
            waiting += imports(path)
    return found


def test_the_tour_is_what_a_training_step_imports_or_less() -> None:
    page = DOCS / "tour.md"
    step = all_that("charrnn.training.trainer")
    text, total = page.read_text(), 0
    for link, lines in re.findall(r"^\| \[`[^`]+`\]\(([^)]+)\) \|.*\| (\d+) \|$", text, re.MULTILINE):
        path = (DOCS / link).resolve()
        assert path in step, f"{link} is not part of a training step, or does not exist"
        count = len(path.read_text().splitlines())
        total += count
        if os.environ.get("CHARRNN_WRITE_DOCS"):
            text = re.sub(rf"(\({re.escape(link)}\) \|.*\| )\d+( \|)", rf"\g<1>{count}\2", text)
        else:
            assert abs(count - int(lines)) <= max(10, count // 5), f"{link} has {count} lines: run CHARRNN_WRITE_DOCS=1"
    assert 1200 < total < 2200  # an evening, and what the page says
    page.write_text(text) if os.environ.get("CHARRNN_WRITE_DOCS") else None


def test_the_glossary_has_each_term_once() -> None:
    terms = re.findall(r"^- \*\*(.+?)\*\*", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    assert len(terms) > 50
    assert len(terms) == len(set(terms))


def test_decisions_are_numbered() -> None:
    pages = sorted((DOCS / "decisions").glob("0*.md"))
    assert [int(page.name[:4]) for page in pages] == [*range(1, len(pages) + 1)]
    for number, page in enumerate(pages, 1):
        assert page.read_text().startswith(f"# {number}. ")


# What pages say about files and commands.


def existing(folder: Path, words: str) -> set[Path]:
    """The files that a line of the tree names, of a folder; what is not a name is not looked at."""
    found = set()
    for name in (part.strip().rstrip("/") for part in words.split("·")):
        if re.fullmatch(r"[\w/{},]+", name):
            inner, _, members = name.rpartition("/")
            found |= {folder / inner / member for member in members.strip("{}").split(",")}
    missing = [str(path) for path in found if not (path.is_dir() or path.with_suffix(".py").exists())]
    assert missing == [], f"{words}: no such file"
    return found


def test_every_file_in_the_tree_of_the_architecture_exists_and_every_room_is_there() -> None:
    (tree,) = re.findall(
        r"^```\n(src/charrnn/\n.*?)^```", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE | re.DOTALL
    )
    package = room = SRC / "charrnn"
    shown: set[Path] = set()
    for line in tree.splitlines()[1:]:
        names, words = line[:24].strip("├└│─ "), re.sub(r"\([^)]*\)", "", line[24:])
        if names:
            room = package / names if names.endswith("/") else package
            shown |= existing(package, names)
        shown |= existing(room, words)
    rooms = {p for p in package.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    modules = {p.with_suffix("") for p in package.glob("*.py") if p.name != "__main__.py"}
    assert rooms | modules <= shown


def test_where_to_add_things_names_files_that_exist() -> None:
    for what, cells in table(ROOT / "ARCHITECTURE.md", "to add").items():
        for name in re.findall(r"`([\w/.]+/[\w.]*)`", " ".join(cells)):
            path = ROOT / name if name.startswith(("docs/", "tests/")) else SRC / "charrnn" / name
            target = path.parent if path.stem == "yours" else path
            assert target.exists(), f"{what}: {name}"


def test_every_run_command_on_a_page_is_known() -> None:
    from charrnn.cli import commands

    own = re.findall(r"^([\w-]+)\)", (ROOT / "run").read_text(), re.MULTILINE)
    assert {"test", "check", "docs", "torture", "fuzz", "release-check"} == set(own)
    for page in PAGES:
        for command in re.findall(r"\./run (\w[\w-]*)", page.read_text()):
            assert command in {*own, *commands.commands, "COMMAND"}, f"{page.name}: ./run {command}"


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_run_is_a_shell_script() -> None:
    assert subprocess.run(["sh", "-n", str(ROOT / "run")], check=False).returncode == 0
