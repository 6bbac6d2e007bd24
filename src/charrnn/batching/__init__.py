"""The order in which training sequences are read. A new strategy is one file here and one line in BATCHERS.

A batcher is a pure function from a batch's number to the batch. It remembers nothing: a resumed run needs only its
step, and the order cannot depend on what else happened in between.
"""

from __future__ import annotations

from dataclasses import replace

from charrnn.arrays import Array
from charrnn.batching.batch import Batch, Batcher
from charrnn.batching.chunked import Chunked
from charrnn.batching.documents import Documents
from charrnn.batching.mixed import Mixed, old_lanes
from charrnn.batching.random import Random
from charrnn.batching.sequential import Sequential
from charrnn.config import REGISTRIES, TrainConfig
from charrnn.errors import ConfigError, TextError
from charrnn.settings import nearest

BATCHERS: dict[str, type[Batcher]] = {
    "sequential": Sequential,
    "random": Random,
    "chunked": Chunked,
    "documents": Documents,
}
REGISTRIES["batching"] = BATCHERS

__all__ = ["BATCHERS", "Batch", "Batcher", "check_length", "make_batcher"]


def make_batcher(ids: Array, config: TrainConfig, old: int = 0) -> Batcher:
    """The batcher that the configuration names, over the ids (N,) of the training text.

    With mix_old, the last `old` of them are an old text.
    """
    if config.batching not in BATCHERS:
        raise ConfigError(f"batching '{config.batching}' is not known{nearest(config.batching, BATCHERS)}")
    if old:
        count, new = old_lanes(config), len(ids) - old
        check_length(new, replace(config, batch_size=config.batch_size - count))
        check_length(old, replace(config, batch_size=count), "training split of the old text")
        return Mixed(ids, config, new, BATCHERS[config.batching])
    check_length(len(ids), config)
    return BATCHERS[config.batching](ids, config)


def check_length(characters: int, config: TrainConfig, what: str = "training split") -> None:
    """Refuse a training split that is too short for one batch."""
    needed = BATCHERS[config.batching].characters_needed(config)
    if characters < needed:
        raise TextError(
            f"batching {config.batching} with batch_size {config.batch_size} and seq_len {config.seq_len} needs "
            f"{needed:,} characters; the {what} has {characters:,}: lower batch_size, seq_len or chunk_len"
        )
