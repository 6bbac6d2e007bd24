"""What a batch is, and what a batching strategy must offer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from charrnn.arrays import Array
from charrnn.config import TrainConfig


class Batch(NamedTuple):
    """One training step's characters: B lanes read side by side, T characters each."""

    inputs: Array  # (T, B) ids
    targets: Array  # (T, B) ids: the character after each input
    fresh: Array  # (B,) bool: lanes that begin a new stretch of text here, so that their state starts at zero
    # (B,) where each lane's window begins in the text; or (T, B), the place of each input, if it is not one stretch
    starts: Array


class Batcher(Protocol):
    """A batching strategy over the ids (N,) of a text.

    A strategy may declare `settings` that it alone reads (from `config.own`), and a static `check_config(config)`.
    """

    ids: Array  # (N,)
    least_windows: int  # of a text that is too short for the settings: how many windows to cut it into
    batches_per_epoch: int  # as many as read the text once, or as near as the strategy comes to it

    def __init__(self, ids: Array, config: TrainConfig) -> None: ...

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        """The shortest text that the strategy can work on."""

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`, counted from the beginning of training; there is no end."""


def cut(ids: Array, starts: Array, seq_len: int, fresh: Array) -> Batch:
    """The batch of the windows of seq_len characters at starts (B,); targets are one character further on."""
    windows = ids[starts[None, :] + np.arange(seq_len + 1)[:, None]]  # (T + 1, B)
    return Batch(windows[:-1], windows[1:], fresh, starts)
