"""What the house promises of itself, checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import charrnn

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
DERIVATIONS = ROOT / "docs" / "derivations"
TOPICS = {
    "mixture": "src",
    "ngrams": "src",
}  # of pages that have the topic of another: what experts know, and their network
LABEL = re.compile(r"\[([a-z]+)\.(\d+)\]")


def test_the_public_names_are_those_that_exist() -> None:
    assert charrnn.__all__ == sorted(charrnn.__all__)
    for name in charrnn.__all__:
        assert getattr(charrnn, name) is not None


def test_importing_takes_numpy_and_safetensors_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import charrnn; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(found) <= {"charrnn", "numpy", "safetensors", "tomli", "cython_runtime"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_every_file_says_what_it_is_for_and_is_one_idea(path: Path) -> None:
    text = path.read_text()
    assert text.startswith('"""')
    assert text.count("\n") <= 300
    assert not re.search(r"\bpickle\b(?! anywhere)", text)


def labels(text: str) -> set[str]:
    return {f"{topic}.{number}" for topic, number in LABEL.findall(text)}


def test_every_equation_in_the_code_is_derived_under_its_label_and_the_other_way_round() -> None:
    in_code = set().union(*(labels(path.read_text()) for path in SOURCES))
    in_docs = set().union(*(labels(path.read_text()) for path in DERIVATIONS.glob("*.md")))
    assert in_code
    assert in_code == in_docs


def test_equations_stand_in_the_file_of_their_topic() -> None:
    for path in {*DERIVATIONS.glob("*.md")} - {DERIVATIONS / "README.md"}:
        stated = re.findall(r"\S\s+\[([a-z]+)\.\d+\]$", path.read_text(), re.MULTILINE)  # at the end of its line
        assert set(stated) == {TOPICS.get(path.stem, path.stem)}, path


def test_only_the_validation_extra_names_torch() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    lines = [line for line in project.splitlines() if "torch" in line and not line.lstrip().startswith("#")]
    assert [line for line in lines if "torch==2.13.0" in line] == ['torch = ["torch==2.13.0"]']
    assert not any(re.search(r"^(import|from) torch", path.read_text(), re.M) for path in SOURCES)


def test_the_documents_link_to_what_exists() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_no_page_holds_a_word_that_was_to_be_replaced() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        assert not re.search(r"^\s*(?:\|\s*)?\*{0,2}[A-Z]{4,}\*{0,2}$", page.read_text(), re.MULTILINE), page.name
