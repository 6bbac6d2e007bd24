"""How a language model writes texts, one or many."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from charrnn.arrays import Array
from charrnn.errors import ConfigError
from charrnn.generation.documents import Written, write_documents
from charrnn.generation.filters import make_sampling
from charrnn.generation.sample import Writer
from charrnn.generation.side_by_side import write_side_by_side
from charrnn.generation.stop import StopMatcher, stop_strings
from charrnn.ngrams import Experts
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.settings import check_texts, check_value
from charrnn.text.vocabulary import BOUNDARY, Vocabulary
from charrnn.threads import blas_threads

MOST_SAMPLES = 100_000  # of `generate_many`, which returns them all at once
LANES = 128  # samples that are written side by side

Item = TypeVar("Item")


class WritesTexts(ABC):
    """The part of a `LanguageModel` that writes texts."""

    network: CharModel
    params: Parameters
    vocabulary: Vocabulary
    experts: Experts | None

    @abstractmethod
    def prompt_ids(self, prompt: str, on_unknown: str = "error", label: str | None = None) -> Array:
        """The ids that a text follows."""

    def generate(
        self,
        prompt: str = "",
        length: int = 500,
        *,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        on_unknown: str = "error",
        label: str | None = None,
        **sampling: float,
    ) -> str:
        """Write the text that follows a prompt.

        Parameters
        ----------
        prompt : str
            The text to continue; it is not part of the result. Without one the model begins as if after a line end.
        length : int
            Characters to write; fewer if a stop string occurs first.
        stop : str or sequence of str
            Stop before any of these strings.
        seed : int, optional
            Equal seeds give equal texts; without a seed, each call differs.
        on_unknown : {"error", "skip"}
            What to do with characters of the prompt that the vocabulary lacks.
        label : str, optional
            The label of the document, for a model of labelled documents; by default one is drawn, or, with a prompt,
            the likeliest is taken.
        temperature : float, default 1
            Below 1 safer, above 1 wilder; 0 is greedy.
        top_k, top_p, min_p : int, float, float, default 0, 1, 0
            Draw only from the k likeliest characters; from the likeliest that together have share p; from those at
            least p times as likely as the likeliest. The defaults switch the filters off.
        greedy : bool, default False
            Always take the likeliest character.

        Returns
        -------
        str

        Raises
        ------
        UnknownCharacterError
            The prompt holds a character that the vocabulary lacks.
        ConfigError
            A setting is out of range.
        """
        ((text, _),) = self.write(
            [0], prompt, length, stop=stop, seed=seed, on_unknown=on_unknown, label=label, **sampling
        )
        return text

    def stream(
        self,
        prompt: str = "",
        length: int = 500,
        *,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        on_unknown: str = "error",
        label: str | None = None,
        **sampling: float,
    ) -> Iterator[str]:
        """As `generate`, but yield each character as soon as it cannot be part of a stop string."""
        with blas_threads(1):
            matcher = self.stop_matcher(stop)
            writer = self._writer(1, prompt, length, seed, on_unknown, label, sampling)

        def pieces() -> Iterator[str]:
            for _, symbol in zip(range(length), writer.write(), strict=False):
                yield matcher.add(self.vocabulary.shown[symbol])
                if matcher.reached:
                    break
            yield matcher.flush()

        return (character for piece in _with_one_thread(pieces()) for character in piece)

    def generate_many(
        self,
        num_samples: int,
        prompt: str = "",
        length: int = 500,
        *,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        on_unknown: str = "error",
        label: str | None = None,
        unique: bool = False,
        new_to: Iterable[str] = (),
        **sampling: float,
    ) -> list[str]:
        """As `generate`, for several samples written side by side in one batch, each from its own random stream.

        Parameters
        ----------
        unique : bool, default False
            Of a model of documents, return each document only once.
        new_to : iterable of str, default ()
            Of a model of documents, return none of these documents, such as those of the training list.

        Returns
        -------
        list of str
            With `unique` or `new_to`, there are fewer than num_samples if a hundred times as many documents hold no
            more of them.
        """
        check_value("num_samples", num_samples, "int", least=1, most=MOST_SAMPLES)
        settings: dict[str, Any] = {"stop": stop, "seed": seed, "on_unknown": on_unknown, "label": label, **sampling}
        known = frozenset(check_texts("new_to", new_to))
        chosen = Written(known, only_new=True, only_distinct=check_value("unique", unique, "bool"))
        if not chosen.known and not unique:
            return [text for text, _ in self.write(range(num_samples), prompt, length, **settings)]
        if not self.vocabulary.documents:
            raise ConfigError("unique and new_to are for a model of documents: train it with documents")
        prompt = self.vocabulary.decode(self.vocabulary.encode(prompt, on_unknown))

        def write(numbers: Sequence[int]) -> Iterator[tuple[str, bool]]:
            lanes = min(LANES, num_samples)
            texts = self.write_stream(numbers, prompt, length, lanes=lanes, **settings)
            return ((prompt + text, ended) for text, ended in texts)

        return [each.text[len(prompt) :] for each in write_documents(num_samples, write, chosen)]

    def write(
        self,
        samples: Sequence[int],
        prompt: str = "",
        length: int = 500,
        *,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        on_unknown: str = "error",
        label: str | None = None,
        **sampling: float,
    ) -> list[tuple[str, bool]]:
        """The samples with these numbers, side by side: each as `generate` writes it, and whether it ended by itself.

        A sample ends by itself at a stop string, and at the end of a document.
        """
        settings: dict[str, Any] = {"stop": stop, "seed": seed, "on_unknown": on_unknown, "label": label, **sampling}
        return list(self.write_stream(samples, prompt, length, lanes=min(LANES, max(1, len(samples))), **settings))

    def write_stream(
        self,
        samples: Iterable[int],
        prompt: str = "",
        length: int = 500,
        *,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        on_unknown: str = "error",
        label: str | None = None,
        lanes: int = LANES,
        **sampling: float,
    ) -> Iterator[tuple[str, bool]]:
        """As `write`, for any number of samples, each as soon as it and all before it have ended.

        Parameters
        ----------
        lanes : int, default 128
            The number of samples that are written side by side. No sample depends on it, but for the rounding of
            NumPy's products (kernels "numpy").
        """
        with blas_threads(1):
            stop = stop_strings(stop)  # once: it may be an iterator
            check_value("lanes", lanes, "int", least=1)
            writer = self._writer(lanes, prompt, length, seed, on_unknown, label, sampling)
        numbers = (check_value("sample", number, "int", least=0) for number in samples)
        if not length:
            return (("", False) for _ in numbers)
        found = write_side_by_side(writer, numbers, lambda: _Sample(self.stop_matcher(stop), self.vocabulary, length))
        return ((sample.text, sample.matcher.reached) for sample in _with_one_thread(found))

    def stop_matcher(self, stop: str | Sequence[str]) -> StopMatcher:
        """A matcher of stop strings, mended as texts are. A string that is then empty never occurs.

        The boundary after a document also stops it.
        """
        ends = (BOUNDARY,) if self.vocabulary.documents else ()
        return StopMatcher((*filter(None, map(self.vocabulary.mend, stop_strings(stop))), *ends))

    def _writer(
        self,
        lanes: int,
        prompt: str,
        length: int,
        seed: int | None,
        on_unknown: str,
        label: str | None,
        sampling: dict[str, Any],
    ) -> Writer:
        """A writer that has read the prompt. Every setting is checked first."""
        config = make_sampling(sampling)
        check_value("length", length, "int", least=0)
        seed = check_value("seed", seed, "int | None", least=0)
        ids = self.prompt_ids(prompt, on_unknown, label)
        seed = secrets.randbits(32) if seed is None else seed
        return Writer(self.network, self.params, ids, config, seed, lanes, self.experts)


class _Sample:
    """The text of a sample that is written."""

    def __init__(self, matcher: StopMatcher, vocabulary: Vocabulary, length: int) -> None:
        self.matcher, self.left, self.ended = matcher, length, False
        self._shown, self._pieces = vocabulary.shown, list[str]()

    def add(self, symbol: int) -> None:
        self.left -= 1
        self._pieces.append(self.matcher.add(self._shown[symbol]))
        if self.matcher.reached or not self.left:
            self._pieces.append(self.matcher.flush())
            self.ended = True

    @property
    def text(self) -> str:
        return "".join(self._pieces)


def _with_one_thread(items: Iterator[Item]) -> Iterator[Item]:
    """Limit the linear algebra only while the next item is made, not while the caller holds one."""
    while True:
        with blas_threads(1):
            item = next(items, None)
        if item is None:
            return
        yield item
