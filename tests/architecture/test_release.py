"""What a release says of itself: one version, its Pythons, types, a citation. `./run release-check` tries it out."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHANGES = (ROOT / "CHANGELOG.md").read_text()


def test_the_version_stands_in_one_place_and_is_repeated_right() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [PROJECT["version"]]
    headings = re.findall(r"^## (.*)$", CHANGES, re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    if released:
        (date,) = re.findall(r'^date-released: "(.*)"$', citation, re.MULTILINE)
        assert released[0] == f"{PROJECT['version']} - {date}"


def test_the_named_pythons_are_those_from_the_oldest_allowed_on() -> None:
    named = re.findall(r"Python :: 3\.(\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    oldest = int(PROJECT["requires-python"].removeprefix(">=3."))
    assert [int(minor) for minor in named] == list(range(oldest, oldest + len(named)))
    assert sys.version_info[:2] >= (3, oldest)


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src" / "charrnn" / "py.typed").is_file()
    assert "Typing :: Typed" in PROJECT["classifiers"]
