"""The numbers that pages state are those of committed result files, which name their machine and commit."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charrnn.reports import number
from tests.architecture.stated import SOURCES, WITHOUT_A_FILE, Sentence
from tests.architecture.test_docs import slug, without_code

ROOT = Path(__file__).parents[2]
DOCS, FILES = ROOT / "docs", ROOT / "benchmarks" / "results"
STUDIES = sorted(path.parent for path in DOCS.glob("results/*/study.json"))
WRITE = bool(os.environ.get("CHARRNN_WRITE_DOCS"))
HOLE = re.compile(r"\{(?::([^}]*))?\}")
NUMBER = r"(\d[\d.,]*(?:e[+-]\d+)?(?: %)?)"
MACHINE = re.compile(r".+, \d+ cores(, restricted to AVX2)?; Python .+; charrnn \S+ \([0-9a-f]{7,}(-dirty)?\)")
LONG = re.compile(r"(?<![\w.])\d+\.\d{3,}(?![\w.])")  # three decimals and more


def sentences(file: str) -> list[Sentence]:
    return list(SOURCES[file](json.loads((FILES / file).read_text())))


def shown(value: Any, form: str | None) -> str:
    return format(value, form or "").replace("%", " %")


def pattern(sentence: str, values: tuple[Any, ...]) -> re.Pattern[str]:
    """What finds a sentence on its page, whatever stands in its holes."""
    pieces = [r"\s+".join(map(re.escape, re.split(r"\s+", piece))) for piece in HOLE.split(sentence)[::2]]
    holes = [r"(\S.*?)" if isinstance(value, str) and not value[:1].isdigit() else NUMBER for value in values]
    return re.compile("".join(a + b for a, b in zip(pieces, [*holes, ""], strict=True)))


def place(text: str, sentence: str, values: tuple[Any, ...]) -> re.Match[str]:
    found = list(pattern(sentence, values).finditer(text))
    assert len(found) == 1, f"stands {len(found)} times on its page: {sentence}"
    return found[0]


def wrong(text: str, sentence: str, values: tuple[Any, ...]) -> Iterator[tuple[int, int, str]]:
    """Where a number of a page is not that of the file, and what it should be."""
    match = place(text, sentence, values)
    for hole, (form, value) in enumerate(zip(HOLE.findall(sentence), values, strict=True), 1):
        if match[hole] != shown(value, form):
            yield (*match.span(hole), shown(value, form))


@pytest.mark.parametrize("file", SOURCES)
def test_pages_state_the_numbers_of_the_file(file: str) -> None:
    differ = []
    for page, sentence, values in sentences(file):
        text = (ROOT / page).read_text()
        for start, end, right in sorted(wrong(text, sentence, values), reverse=True):
            differ.append(f"{page}: {text[start:end]} is {right} in the file: {sentence[:90]}")
            text = text[:start] + right + text[end:]
        if WRITE:
            (ROOT / page).write_text(text)
    assert WRITE or differ == [], "\n".join(["run this test with CHARRNN_WRITE_DOCS=1", *differ])


def test_the_table_sees_a_number_that_differs() -> None:
    sentence, values = "loses {:.3f} of {} in {:.0%}", (1.2345, "Zen 5", 0.5)
    assert list(wrong("it loses 1.234\nof Zen 5  in 50 %", sentence, values)) == []
    assert list(wrong("it loses 1.24 of Zen in 51 %", sentence, values)) == [
        (9, 13, "1.234"), (17, 20, "Zen 5"), (24, 28, "50 %"),
    ]  # fmt: skip
    with pytest.raises(AssertionError, match="stands 0 times"):
        list(wrong("it loses much of it", sentence, values))


def test_every_result_file_names_its_machine_and_commit() -> None:
    assert set(SOURCES) <= {path.name for path in FILES.iterdir()}
    for path in FILES.iterdir():
        found = json.loads(path.read_text())
        for machine in (found["machine"], *found.get("measured", {}).values()):
            assert MACHINE.fullmatch(machine), path.name


# Completeness: a number that no sentence covers has a reason.


def sections(page: Path) -> Iterator[tuple[str, int, int]]:
    """The sections of a page, as `page#heading`, with where each begins and ends."""
    text, name = page.read_text(), page.relative_to(ROOT).as_posix()
    headings = [(m.start(), slug(m[1])) for m in re.finditer(r"^#+ (.*)$", text, re.MULTILINE)]
    for (start, heading), (end, _) in zip(headings, [*headings[1:], (len(text), "")], strict=True):
        yield f"{name}#{heading}", start, end


def reason(section: str) -> str | None:
    return next((why for place, why in WITHOUT_A_FILE.items() if section == place or section.startswith(
        (f"{place}#", f"{place}/"))), None)  # fmt: skip


def test_every_long_number_on_a_page_has_its_file_or_a_reason() -> None:
    covered = defaultdict(list)
    for file in SOURCES:
        for page, sentence, values in sentences(file):
            match = place((ROOT / page).read_text(), sentence, values)
            covered[page] += [match.span(hole) for hole in range(1, len(values) + 1)]
    used, without = set(), []
    for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("*/README.md")]:
        if page == DOCS / "results.md" or DOCS / "results" in page.parents:
            continue  # below
        text, code = page.read_text(), re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
        plain = code.sub(lambda m: " " * len(m[0]), text)
        for section, start, end in sections(page):
            for found in LONG.finditer(plain, start, end):
                of_file = any(a <= found.start() < b for a, b in covered[page.relative_to(ROOT).as_posix()])
                used |= {place for place in WITHOUT_A_FILE if not of_file and reason(section)}
                if not of_file and not reason(section):
                    without.append(f"{section}: {found[0]}")
    assert without == [], "say in tests/architecture/stated.py which file each comes from, or why it comes from none"
    assert used == set(WITHOUT_A_FILE), "no such number any more"


# The studies: their pages have the numbers of their tables.


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_table_of_a_study_is_that_of_its_file(study: Path) -> None:
    text = (study / "README.md").read_text()
    (_, _, *rows) = re.findall(r"^\| (.*) \|$", text[text.index("## Results") :], re.MULTILINE)
    with (study / "results.csv").open(newline="") as file:
        kept = list(csv.DictReader(file))
    assert len(rows) == len(kept) > 0
    for row, values in zip(rows, kept, strict=True):
        known = {form for value in values.values() for form in (value, *forms(value))}
        assert {cell.strip().replace("\\|", "|") for cell in row.split(" | ")} <= known | {""}, row


def forms(value: str) -> Iterator[str]:
    try:
        yield number(float(value))
        yield number(int(value))
    except ValueError:
        return


def test_the_page_of_all_studies_has_numbers_of_their_pages() -> None:
    known = {found for study in STUDIES for found in LONG.findall((study / "README.md").read_text())}
    stated = LONG.findall(without_code(DOCS / "results.md"))
    assert len(stated) > 50
    assert set(stated) <= known


def test_every_study_names_its_machine_and_versions() -> None:
    for study in STUDIES:
        facts = json.loads((study / "study.json").read_text())
        assert all(facts[key] for key in ("machine", "charrnn", "numpy", "command", "text_sha256")), study.name
        assert facts["machine"] in (study / "README.md").read_text()
