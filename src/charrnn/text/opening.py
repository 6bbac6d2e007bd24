"""From sources to a corpus, however large they are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from charrnn.errors import ConfigError, TextError
from charrnn.settings import check_path, check_value
from charrnn.text.corpus import Corpus, part_sizes, text_sha256
from charrnn.text.documents import ListedDocuments, also_in_the_list, document_name, form_of_files, read_documents
from charrnn.text.forms import Form
from charrnn.text.labels import LabelledDocument, labelled
from charrnn.text.library import LIBRARY, read_text
from charrnn.text.mapped import Say, Tell, is_large, large_corpus
from charrnn.text.reading import STDIN, Reading, check_sources
from charrnn.text.stored_documents import LARGE_LIST_BYTES, Origin, stored_documents
from charrnn.text.vocabulary import BOUNDARY, Vocabulary, line_ends_mended

LEAST_DOCUMENTS = 20  # in a list that is given in Python: fewer strings are taken for names of files


def source_list(text: str | Path | Sequence[str | Path]) -> list[str]:
    """One source or several, as the strings that a user would type.

    Raises
    ------
    ConfigError
        The argument `text` is neither a path nor a list of paths, or an empty list.
    """
    if isinstance(text, tuple) and not text:  # none was given
        return []
    if isinstance(text, Iterable) and not isinstance(text, str | bytes | bytearray | Mapping):
        sources = list(text)
    else:
        sources = [text]
    if not sources:
        raise ConfigError("text is an empty list: name a file, or leave it out")
    return [str(check_path("text", source)) for source in sources]


class Plan(NamedTuple):
    """What the settings of a run say of its text, besides its sources."""

    documents: str | None = None  # lines, paragraphs, files, jsonl:FIELD or csv:COLUMN
    label: str | None = None  # csv:COLUMN, jsonl:FIELD or tsv
    seed: int = 0  # decides, with a document's own text, into which split it falls
    unique: bool = False
    named: Mapping[str, str] = {}  # "val" and "test", where a file was named
    val_fraction: float = 0.0  # of the text itself, for the parts without a file of their own
    test_fraction: float = 0.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Plan:
        """As the settings say; those of an older run lack some."""
        named = {part: str(settings[part]) for part in ("val", "test") if settings.get(part)}
        fractions = {
            f"{part}_fraction": 0.0 if part in named else float(settings.get(f"{part}_fraction") or 0.0)
            for part in ("val", "test")
        }
        seed, unique = settings.get("seed") or 0, bool(settings.get("unique"))
        return cls(settings.get("documents"), settings.get("label"), seed, unique, named, **fractions)


ONE_TEXT = Plan()


def open_corpus(
    sources: Sequence[str], encoding: str, say: Say, tell: Tell, plan: Plan = ONE_TEXT
) -> tuple[Corpus, str]:
    """The text of files, of standard input or of the library, encoded; and the text itself, or "" if it is large.

    `say` receives remarks, `tell` the progress of encoding a large text. Of documents, the text is "", too.
    """
    for part, path in plan.named.items():
        if not os.path.isfile(path):
            raise TextError(f"the file '{path}' of --{part} does not exist")
    if plan.documents:
        if is_large(sources, LARGE_LIST_BYTES):
            form, of_named = Form.of(plan.documents, plan.label), Form.of(*form_of_files(plan.documents, plan.label))
            fractions = plan.val_fraction, plan.test_fraction
            origin = Origin(sources, plan.named, encoding, form, of_named, plan.seed, plan.unique, fractions)
            return stored_documents(origin, say, tell), ""
        texts = read_documents(sources, plan.documents, encoding, say, plan.label)
        return document_corpus(texts, document_name(sources), encoding, say, plan), ""
    check_sources(sources)
    if is_large(sources):
        if plan.named:
            raise TextError(f"--{min(plan.named)} needs a text that fits into memory: use --val-fraction")
        return large_corpus(sources, encoding, say, tell), ""
    reading = read_text(sources, encoding)
    for remark in reading.remarks:
        say(remark)
    if not plan.named:
        return Corpus.from_reading(reading), reading.text
    return _with_named(reading, encoding, say, plan)


def document_corpus(texts: Sequence[str], name: str, encoding: str, say: Say, plan: Plan) -> ListedDocuments:
    """Documents, and those of the files that were named for a part."""
    form, label = form_of_files(plan.documents, plan.label)
    named = {part: read_documents([path], form, encoding, say, label) for part, path in plan.named.items()}
    known = set(texts) if named else set()
    for part, documents in named.items():
        if both := sum(document in known for document in documents):
            say(also_in_the_list(both, len(documents), part, plan.named[part]))
    return ListedDocuments.from_documents(texts, name, plan.seed, plan.unique, named)


def _with_named(reading: Reading, encoding: str, say: Say, plan: Plan) -> tuple[Corpus, str]:
    """A text, and the files that were named for a part, as one corpus of parts that follow one another."""
    sizes = part_sizes(len(reading.text), plan.val_fraction, plan.test_fraction)
    ends = {"train": sizes["train"], "val": sizes["train"] + sizes["val"], "test": len(reading.text)}
    parts = {name: reading.text[end - sizes[name] : end] for name, end in ends.items()}
    for part, path in plan.named.items():
        named = read_text([path], encoding)
        for remark in named.remarks:
            say(remark)
        parts[part] = named.text
        if len(named.text) < 2:
            raise TextError(f"the file '{path}' of --{part} has {len(named.text)} characters: it takes at least 2")
    whole = "".join(parts.values())
    vocabulary = Vocabulary(whole)
    ids = vocabulary.encode(whole)
    sizes = {name: len(text) for name, text in parts.items()}
    return Corpus(reading.name, ids, vocabulary, text_sha256(whole), sizes=sizes), whole


def list_of_documents(text: Any) -> list[str] | None:
    """The documents of a list that was given in Python, as strings or pairs of a label and a text; None for files.

    A list of LEAST_DOCUMENTS or more strings is a list of documents, unless half of them are files or library texts.

    Raises
    ------
    ConfigError
        A document is no text, or holds a zero byte.
    """
    if not isinstance(text, Iterable) or isinstance(text, str | bytes | bytearray | Mapping):
        return None
    entries = list(text)
    if len(entries) >= LEAST_DOCUMENTS and all(isinstance(e, tuple) and len(e) == 2 for e in entries):
        entries = [_pair(number, *entry) for number, entry in enumerate(entries)]
        return [entry for entry in entries if LabelledDocument.of(entry).text.strip()] or None
    if len(entries) < LEAST_DOCUMENTS or 2 * sum(map(_names_a_source, entries)) >= len(entries):
        return None
    for number, entry in enumerate(entries):
        check_value(f"document {number}", entry, "str")
        if BOUNDARY in entry:
            raise ConfigError(f"document {number} has a zero byte, which is not text")
    found = [line_ends_mended(entry) for entry in entries if entry.strip()]
    if not found:
        raise ConfigError(f"text is a list of {len(entries):,} strings that are empty")
    return found


def _pair(number: int, label: Any, text: Any) -> str:
    check_value(f"label of document {number}", label, "str")
    check_value(f"document {number}", text, "str")
    return labelled(label, line_ends_mended(text), f"document {number}")


def _names_a_source(entry: Any) -> bool:
    return not isinstance(entry, str) or entry == STDIN or entry in LIBRARY or os.path.exists(entry)
