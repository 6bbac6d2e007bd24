"""The memory that training needs, estimated before it is allocated: a system without any left kills processes."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from charrnn.config import TrainConfig
from charrnn.errors import ConfigError
from charrnn.nn.model import CharModel

VECTORS = 3  # as long as the parameters, at least: they, their gradient and the optimiser's memory
ACTIVATIONS = 5  # numbers that every layer keeps of each unit and character of a batch, at least
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


def check_memory(model: CharModel, config: TrainConfig, lanes: int) -> None:
    """Refuse a network and batches, with a number of lanes in this process, that this machine's memory cannot hold.

    The estimate is below the real need, so nothing is refused that would fit.

    Raises
    ------
    ConfigError
        They need more memory than there is.
    """
    parameters = sum(math.prod(shape) for shape in model.layout.values())
    characters = config.seq_len * lanes
    units = characters * config.hidden_size * config.num_layers
    logits = characters * model.config.vocab_size
    said = model.config.num_experts * (2 if model.experts else 1)  # log q of each expert, and √q where it is an input
    numbers = VECTORS * parameters + ACTIVATIONS * units + logits * (1 + said)
    needed, there = numbers * np.dtype(config.dtype).itemsize, machine_memory()
    if needed > there:
        experts = f" with the log_q of {model.config.num_experts} experts" if model.config.num_experts else ""
        raise ConfigError(
            f"the network needs at least {_words(needed)} of memory, and the machine has {_words(there)}: "
            f"{parameters:,} parameters (hidden_size {config.hidden_size:,}, num_layers {config.num_layers:,}) and "
            f"batches of {config.batch_size:,} × {config.seq_len:,} characters{experts}: lower one of these"
        )


def machine_memory() -> float:
    """The bytes of memory of this machine, or of the container, as far as they are known."""
    found = [math.inf]
    with suppress(AttributeError, OSError, ValueError):  # Windows
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in LIMITS:
        with suppress(OSError, ValueError):  # "max"
            found.append(int(Path(path).read_text()))
    return min(found)


def _words(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB"
