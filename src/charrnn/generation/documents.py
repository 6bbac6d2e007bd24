"""Writing documents: one after the other until there are enough, each with a random stream of its own."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_TRIES = 100  # for each document that is wanted


class Document(NamedTuple):
    """A document that a model wrote."""

    number: int  # of its random stream
    text: str  # the prompt included
    ended: bool  # by itself, and was not cut at the length


@dataclass
class Written:
    """Which documents are wanted, and a count of those that were written.

    Parameters
    ----------
    known : container of str, optional
        The training documents, if they are at hand: a document that is none of them is new.
    """

    known: Container[str] | None = None
    accepts: Callable[[str], bool] | None = None  # a function of the user's that says which documents are valid
    only_new: bool = False
    only_distinct: bool = False
    only_valid: bool = False
    documents: int = 0  # written, kept or not
    cut: int = 0
    new: int | None = None
    valid: int | None = None
    seen: set[str] = field(default_factory=set)

    @property
    def distinct(self) -> int:
        return len(self.seen)

    def keeps(self, document: Document) -> bool:
        """Count a document; whether it is one of those that are wanted."""
        fresh, new = document.text not in self.seen, self.known is None or document.text not in self.known
        self.documents += 1
        self.cut += not document.ended
        self.seen.add(document.text)
        if self.known is not None:
            self.new = (self.new or 0) + new
        valid = self.accepts is None or self.accepts(document.text)
        if self.accepts is not None:
            self.valid = (self.valid or 0) + valid
        return (fresh or not self.only_distinct) and (new or not self.only_new) and (valid or not self.only_valid)

    @property
    def chooses(self) -> bool:
        """Whether some documents are not wanted."""
        return self.only_new or self.only_distinct or self.only_valid


def write_documents(
    count: int, write: Callable[[Sequence[int]], Iterable[tuple[str, bool]]], written: Written
) -> Iterator[Document]:
    """Documents until `count` are kept, or MOST_TRIES times as many are written.

    Parameters
    ----------
    write : callable
        Writes the documents of the random streams that it is given, as far as they are asked for: the text of each, and
        whether it has ended.
    """
    kept, numbers = 0, range(count * MOST_TRIES if written.chooses else count)
    for number, (text, ended) in enumerate(write(numbers)):
        document = Document(number, text, ended)
        if written.keeps(document):
            kept += 1
            yield document
            if kept == count:
                return
