"""Phrases that make a reader stop, wherever a reader meets words: docstrings, comments, strings and pages."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "charrnn"

# What to avoid, and what to write.
PHRASES = {
    r"\bgo(?:es|ing|ne)? on with\b|\bwent on with\b": "continue, resume",
    r"\b(?:is|are|was|were|be|been|takes?) (?:\w+ )?taken up\b|\b(?:takes?|took|taking) (?:it |them )?up\b": "resume",
    r"\b(?:is|are|was|be|cannot be|can be) had\b": "get, reproduce, find",
    r"\bso many\b": "n, the number of, a limit",
    r"\bthere is nobody\b|\beverybody\b|\bsomebody\b|\bwhoever\b": "name who: every rank, a client, the caller",
    r"\bwhat there is\b": "name the thing",
    r"\bgoes? before (?:it|them|all|everything)\b": "overrides",
    r"\btells\b(?! (?:the|a|an|each|every|it|you)\b)|\btold\b(?! (?:otherwise|apart|to|how)\b)": "reports, says, sends",
    r"\blikewise\b": "also; or repeat the words",
    r"\bhears? (?:of|about)\b": "is called at, receives",
    r"\bsays nothing;|\band says nothing\b": "prints nothing, returns nothing",
    r"\bwhat of (?:a|an|the)\b": "the part of",
    r"\bthere (?:ever )?(?:was|were) ever\b|\bthere ever (?:was|were)\b": "all so far",
    r"\b(?:comes?|brings?) along\b": "is installed with, is sent with",
    r"\bwants? (?:\w+ing|to be \w+ed)\b": "needs",
    r"\bin the midst of\b": "during",
    r"\banew\b": "again",
    r"\bis(?: then)? said\b|\b(?:and|is|are) so said\b": "is reported",
    r"\bdie[sd]? of it\b": "name the cause",
}
# Texts that are quoted or generated, and pages that repeat them.
QUOTED = {
    ROOT / "docs" / "results.md",
    *(ROOT / "docs" / "results").rglob("*.md"),
    PACKAGE / "text" / "data" / "README.md",
}
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"} - QUOTED)
PAGES_OF_OURS = [PACKAGE / "serving" / "page", PACKAGE / "export" / "page", PACKAGE / "export" / "module"]
SOURCES = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.toml"), *(f for p in PAGES_OF_OURS for f in p.iterdir())])
# Still to be reworded; the list goes with the last of them.
WORDS = (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))


def words(path: Path) -> list[str]:
    """The passages of a file that are written in words, each on one line."""
    text = path.read_text()
    if path.suffix == ".py":
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        passages = [re.sub(r"\{[^{}]*\}", "", token.string) for token in tokens if token.type in WORDS]
    elif path.suffix == ".md":
        passages = re.sub(r"^```.*?^```", "\n\n", text, flags=re.MULTILINE | re.DOTALL).split("\n\n")
    else:
        passages = text.split("\n\n")
    return [" ".join(passage.split()) for passage in passages]


def found(path: Path) -> list[str]:
    return [
        f"“{passage[max(0, match.start() - 40) : match.end() + 40]}”: {better}"
        for passage in words(path)
        for phrase, better in PHRASES.items()
        for match in re.finditer(phrase, passage, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_sentence_needs_reading_twice(path: Path) -> None:
    assert found(path) == []


def test_the_list_sees_what_it_is_for() -> None:
    for sentence in ("3 runs are gone on with", "texts are taken up", "every flag goes before it", "as it is told"):
        assert any(re.search(phrase, sentence) for phrase in PHRASES), sentence
