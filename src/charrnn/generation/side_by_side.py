"""Many samples, written side by side in a few lanes: a lane whose sample has ended begins another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from charrnn.generation.sample import Writer

AHEAD = 64  # samples, times the lanes, that are begun and not given: ended ones wait for a long one before them


class Sample(Protocol):
    """A text that grows by a symbol at a time."""

    @property
    def ended(self) -> bool: ...

    def add(self, symbol: int) -> None: ...


AnySample = TypeVar("AnySample", bound=Sample)


def write_side_by_side(writer: Writer, numbers: Iterable[int], new: Callable[[], AnySample]) -> Iterator[AnySample]:
    """The samples of these random streams, in their order, each as soon as it and all before it have ended.

    No step of a lane is spent on a sample that has ended: its last symbol is drawn and not read, and the next step of
    its lane reads the first symbol of another. When no other is left, the lanes in use move together, and compiled
    kernels compute only these.

    Parameters
    ----------
    new : callable
        Makes a sample, of which no symbol is known yet.
    """
    if writer.lanes == 1:
        for number in numbers:
            sample = new()
            for symbol in writer.write(number):
                sample.add(symbol)
                if sample.ended:
                    break
            yield sample
        return
    left, order = iter(numbers), deque[AnySample]()
    samples: list[AnySample] = []  # of the lanes in use

    def begin(lane: int) -> bool:
        """Begin another sample in a lane, if one is left and not too many wait."""
        number = next(left, None) if len(order) < AHEAD * writer.lanes else None
        if number is None:
            return False
        samples[lane : lane + 1] = [new()]
        order.append(samples[lane])
        writer.begin(lane, number)
        return True

    while True:
        while len(samples) < writer.lanes and begin(len(samples)):
            pass
        if not samples:
            return
        drawing: Sequence[int] = range(len(samples))
        while drawing:
            for lane, symbol in zip(drawing, writer.draw(drawing), strict=True):
                samples[lane].add(symbol)
            drawing = [lane for lane in drawing if samples[lane].ended and begin(lane)]
        for lane in reversed(range(len(samples))):
            if samples[lane].ended:
                last = samples.pop()
                if lane < len(samples):
                    writer.move(len(samples), lane)
                    samples[lane] = last
        while order and order[0].ended:
            yield order.popleft()
        if samples:
            writer.read(len(samples))
