"""Labels of documents: where they stand in a file, and the symbol that each has in a vocabulary.

Before it is encoded, a labelled document is one string: its label, a zero byte, its text. No text holds a zero byte, so
a list with labels is a list of strings like any other. In a vocabulary, the k-th label in sorted order is the
k-th code point of Unicode's last plane, which is for private use and which no character is encoded as here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from charrnn.errors import ConfigError, TextError
from charrnn.settings import nearest, shown
from charrnn.text.vocabulary import BOUNDARY, FIRST_LABEL, LAST_LABEL

MOST_LABELS = 1000
LONGEST_LABEL = 200


class LabelledDocument(NamedTuple):
    label: str  # "" where there is none
    text: str

    @classmethod
    def of(cls, document: str) -> LabelledDocument:
        """The two parts of a document as it stands in a list."""
        label, _, text = document.rpartition(BOUNDARY)
        return cls(label, text)


def labelled(label: str, text: str, place: str) -> str:
    """A labelled document as it stands in a list.

    Raises
    ------
    TextError
        The label is empty, too long, not printable, or one of the two holds a zero byte.
    """
    label = label.strip()
    if not label or len(label) > LONGEST_LABEL or not label.isprintable():
        raise TextError(f"{place} has the label {shown(label)}: a label is 1 to {LONGEST_LABEL} printable characters")
    if BOUNDARY in text:
        raise TextError(f"{place} has a zero byte, which is not text")
    return label + BOUNDARY + text


def label_field(label: str, documents: str) -> str:
    """The column or field that `--label` names beside `--documents`; "" where the label stands before a tab.

    Raises
    ------
    ConfigError
        The label is not known, or is not where the documents are.
    """
    (kind, colon, field), (form, _, _) = label.partition(":"), documents.partition(":")
    if label == "tsv":
        if form != "lines":
            raise ConfigError(f"label tsv needs documents lines, each a label, a tab and a text, not '{documents}'")
        return ""
    if kind not in ("csv", "jsonl") or not colon or not field:
        raise ConfigError(f"label {shown(label)} is not known: choose from csv:COLUMN, jsonl:FIELD or tsv")
    if kind != form:
        raise ConfigError(f"label '{label}' and documents '{documents}' differ in form: choose {kind}: for both")
    return field


def labels_of(documents: Iterable[str]) -> tuple[str, ...]:
    """The different labels of a list, sorted; none if it has no labels.

    Raises
    ------
    TextError
        There are too many, or a text holds a character that stands for a label.
    """
    pairs = map(LabelledDocument.of, documents)
    labels, highest = set[str](), ""
    for label, text in pairs:
        labels.add(label)
        highest = max(highest, max(text, default=""))
    return checked_labels(labels, highest)


def checked_labels(labels: Set[str], highest: str) -> tuple[str, ...]:
    """As `labels_of`, from the labels themselves and the highest character of the texts."""
    found = sorted(labels - {""})
    if len(found) > MOST_LABELS:
        raise TextError(f"{len(found):,} different labels are too many: a list may have at most {MOST_LABELS:,}")
    if FIRST_LABEL <= highest <= LAST_LABEL:
        raise TextError(f"the text has U+{ord(highest):X}, a private character that stands for a label: remove it")
    return tuple(found)


def symbol(labels: Sequence[str], label: str) -> str:
    """The code point that stands for a label.

    Raises
    ------
    ConfigError
        The model does not know the label.
    """
    if label not in labels:
        if not labels:
            raise ConfigError(f"label {shown(label)} is for a model of labelled documents: train it with --label")
        raise ConfigError(f"label {shown(label)} is not known{nearest(label, list(labels))}")
    return chr(ord(FIRST_LABEL) + labels.index(label))
