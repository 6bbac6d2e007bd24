"""A text that grows a step at a time, for keyboards, games and typing aids."""

from __future__ import annotations

import copy
import hashlib
import heapq
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import RunError
from charrnn.generation.sample import Writer
from charrnn.ngrams import Reader, make_reader
from charrnn.nn.stepper import Stepper, make_stepper
from charrnn.runs.npz_file import write_plain
from charrnn.settings import check_path, check_value
from charrnn.text.vocabulary import BOUNDARY, Vocabulary

MOST_READ = 2000  # beginnings of a word that `completions` follows
LONGEST_END = 40  # characters
LARGEST_REST = 1 << 22  # bytes of a saved state besides the network's own
END = ""  # the name of a document's end, which is no character


class _Network:
    """The network, its weights packed once, with which all copies of a state read, one at a time."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.lock = writer, threading.Lock()
        self._stepper: Stepper | None = None  # until a state reads

    def read(self, ids: Array, state: Array, reader: Reader | None) -> tuple[Array, Array]:
        """The logits (1, V) and the state (L, S, 1, H) after ids (N,), N ≥ 1, from a state."""
        with self.lock:
            self._stepper = self._stepper or make_stepper(self.writer.model, self.writer.params, 1)
            self._stepper.set_state(state)
            for each in ids[:, None]:
                logits = self._stepper.step(each, None if reader is None else reader.read(each))
            return logits.copy(), self._stepper.state()


class TextState:
    """The place that a text has reached, and what may follow it. Get one with `model.start`.

    A copy costs as much as the state itself, some thousand numbers, and is independent of it.
    """

    def __init__(self, writer: Writer, vocabulary: Vocabulary) -> None:
        self.vocabulary, self._writer = vocabulary, writer
        self._logits, self._state = writer.logits, writer.state  # (1, V), (L, S, 1, H); replaced, never written to
        self._history: list[int] = [] if writer.reader is None else writer.reader.history(0)
        self._reader: Reader | None = writer.reader
        self._network = _Network(writer)

    def probs(self) -> Array:
        """The probability of each id that may follow, (V,) float64."""
        logits = self._logits[0].astype(np.float64)
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def next_probs(self) -> dict[str, float]:
        """The probability of each character that may follow; of the document's end under the name "" (`END`)."""
        names = [END if c == BOUNDARY and self.vocabulary.documents else c for c in self.vocabulary.characters]
        probs = dict(zip(names, self.probs().tolist(), strict=True))
        for k in self.vocabulary.label_ids:  # no character, and never typed
            del probs[names[k]]
        return probs

    def feed(self, text: str, on_unknown: str = "error") -> TextState:
        """Add a text that has been typed or chosen. Returns this state.

        Raises
        ------
        UnknownCharacterError
            The text holds a character that the vocabulary lacks; the state is as it was.
        """
        writer, ids = self._writer, self.vocabulary.encode(text, on_unknown)
        if not len(ids):
            return self
        if self._reader is None and writer.experts is not None:
            self._reader = make_reader(writer.experts, 1, writer.dtype, writer.model.kernels)
            self._reader.begin(0, self._history)
        self._logits, self._state = self._network.read(ids, self._state, self._reader)
        if self._reader is not None:
            self._history = self._reader.history(0)
        return self

    def completions(self, k: int = 5) -> list[tuple[str, float]]:
        """The k likeliest ends of the word that the text has begun, each with its probability, the likeliest first.

        An end is a row of letters and digits; "" means that the word is whole. There are fewer than k if the search has
        followed MOST_READ beginnings before it finds them.
        """
        check_value("k", k, "int", least=1, most=1000)
        found: list[tuple[str, float]] = []
        whole: dict[str, float] = {}
        begun: list[tuple[float, str, TextState]] = [(-1.0, "", self)]  # −probability of each beginning, and its place
        for _ in range(MOST_READ):
            if not begun:
                break
            share, text, before = heapq.heappop(begun)
            state = before.copy().feed(text[-1]) if text else before
            probs = state.next_probs()
            letters = {c: p for c, p in probs.items() if c.isalnum()}
            whole[text] = -share * (sum(probs.values()) - sum(letters.values()))
            for c, p in letters.items() if len(text) < LONGEST_END else ():
                heapq.heappush(begun, (share * p, text + c, state))
            found = sorted(whole.items(), key=lambda end: (-end[1], end[0]))[:k]
            if begun and len(found) == k and found[-1][1] >= -begun[0][0]:
                break  # no other beginning is likely enough
        return found

    def save(self, path: str | Path) -> None:
        """Write the place into an npz file, which `load` reads."""
        history, model = np.array(self._history, np.int64), _digest(self._writer)
        arrays = {"logits": self._logits, "state": self._state, "history": history, "model": model}
        write_plain(check_path("path", path), arrays)

    def load(self, path: str | Path) -> TextState:
        """Load the place from a file of the same model. Returns this state.

        Raises
        ------
        RunError
            The file is missing, damaged, or of another model; the state is as it was.
        """
        path = check_path("path", path)
        expected = {"logits": self._logits, "state": self._state, "model": _digest(self._writer)}
        try:
            with zipfile.ZipFile(path) as members:
                if sum(member.file_size for member in members.infolist()) > self._state.nbytes + LARGEST_REST:
                    raise ValueError("it is too large")
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in (*expected, "history")}
            for name, like in expected.items():
                if (arrays[name].shape, arrays[name].dtype) != (like.shape, like.dtype):
                    raise ValueError(f"'{name}' does not fit this model")
            history = arrays["history"]
            if not (arrays["model"] == expected["model"]).all():
                raise ValueError("it is of another model")
            if not np.isfinite(arrays["logits"]).all() or not np.isfinite(arrays["state"]).all():
                raise ValueError("its numbers are not finite")
            if (
                history.ndim != 1
                or history.dtype != np.int64
                or ((history < 0) | (history >= len(self.vocabulary))).any()
            ):
                raise ValueError("its history is not made of this model's characters")
        except FileNotFoundError:
            raise RunError(f"there is no state at '{path}'") from None
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
            raise RunError(f"'{path}' is not a state of this model: {' '.join(str(error).split())}") from None
        self._logits, self._state, self._history = arrays["logits"], arrays["state"], history.tolist()
        self._reader = None
        return self

    def copy(self) -> TextState:
        """An independent state at the same place."""
        other = copy.copy(self)
        other._reader = None  # made again when it is needed
        return other

    def __deepcopy__(self, memo: object) -> TextState:
        """As `copy`: what both share, the network, never changes."""
        return self.copy()


def _digest(writer: Writer) -> Array:
    """The digest of a model, (32,) bytes, which differs from those of all others."""
    return np.frombuffer(hashlib.blake2b(writer.params.vector.tobytes(), digest_size=32).digest(), np.uint8)
