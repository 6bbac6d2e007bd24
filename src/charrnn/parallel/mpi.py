"""A team of MPI processes: what the ranks of a communicator send each other.

Rank 0 runs the program; the other ranks receive its commands, of which there are five, and each takes the training
step on its own lanes.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from charrnn.arrays import Array
from charrnn.config import TrainConfig, make_config
from charrnn.errors import ConfigError, RunError
from charrnn.parallel.team import Team
from charrnn.text.mapped import is_large, large_corpus

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

END, SET_UP, BROADCAST, STEP, GATHER = range(5)
LAST_WORDS_S = 0.3  # for mpiexec to pass on what was said, before it kills everybody
PIECE = 1 << 30  # bytes in a message: MPI counts in 32 bits


class MpiTeam(Team):
    """The ranks of a communicator."""

    def __init__(self, comm: Intracomm) -> None:
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.within = False  # in the midst of something that all ranks do together

    def lanes(self, batch_size: int) -> slice:
        if batch_size < self.size:
            raise ConfigError(
                f"batch_size {batch_size} cannot be dealt to {self.size} processes: each takes a lane at least"
            )
        return self.lanes_of(self.rank, batch_size)

    def lanes_of(self, rank: int, batch_size: int) -> slice:
        """The lanes of a rank; where they do not come out even, some have one more than others."""
        return slice(batch_size * rank // self.size, batch_size * (rank + 1) // self.size)

    def set_up(self, config: TrainConfig, vocab_size: int, ids: Array, sources: Sequence[str], sha256: str) -> None:
        self.command(SET_UP)
        large = is_large(sources)
        facts = {
            "settings": config.as_dict(), "vocab_size": vocab_size, "dtype": ids.dtype.str, "length": len(ids),
            "sources": list(sources) if large else None, "sha256": sha256,
        }  # fmt: skip
        data = np.frombuffer(json.dumps(facts).encode(), np.uint8).copy()
        self.comm.Bcast(np.array([len(data)], np.int64))
        self.comm.Bcast(data)
        if not large:
            self._broadcast(ids)
        self.within = False

    def receive_setup(self) -> tuple[TrainConfig, int, Array]:
        """What `set_up` tells: configuration, size of the vocabulary, and ids (N,) of the training text."""
        size = np.empty(1, np.int64)
        self.comm.Bcast(size)
        data = np.empty(size[0], np.uint8)
        self.comm.Bcast(data)
        facts = json.loads(data.tobytes())
        config = make_config(facts["settings"])
        if facts["sources"]:  # too large to be sent; on this machine it lies encoded in the cache already
            corpus = large_corpus(facts["sources"], config.encoding)
            if corpus.sha256 != facts["sha256"]:
                raise RunError(f"rank {self.rank} finds another text in {corpus.name} than rank 0: its SHA-256 differs")
            ids = corpus.ids[: facts["length"]]
        else:
            ids = np.empty(facts["length"], facts["dtype"])
            self._broadcast(ids)
        return config, facts["vocab_size"], ids

    def broadcast(self, arrays: Sequence[Array], step: int) -> int:
        self.command(BROADCAST)
        for array in arrays:
            self._broadcast(array)
        told = np.array([step], np.int64)
        self.comm.Bcast(told)
        return int(told[0])

    def scatter(self, state: Array) -> Array:
        self._broadcast(state)
        self.within = False
        return state[:, :, self.lanes(state.shape[2])].copy()

    def gather(self, state: Array, params: Array, batch_size: int) -> Array:
        self.command(GATHER)
        prints = np.empty(self.size, np.int64)
        self.comm.Gather(np.array([zlib.crc32(params.data)]), prints)
        by_lane = np.ascontiguousarray(np.moveaxis(state, 2, 0))  # (B_r, L, S, H)
        whole = np.empty((batch_size, *by_lane.shape[1:]), state.dtype)
        counts = [
            (self.lanes_of(r, batch_size).stop - self.lanes_of(r, batch_size).start) * whole[0].size
            for r in range(self.size)
        ]
        self.comm.Gatherv(by_lane, (whole, counts))
        self.within = False
        if self.rank == 0 and (prints != prints[0]).any():
            raise RunError("the parameters of the ranks have parted: their machines do not compute alike")
        return np.ascontiguousarray(np.moveaxis(whole, 0, 2))

    def begin_step(self, progress: float) -> None:
        self.command(STEP, progress)

    def reduce_(self, message: Array, loss: float, share: float) -> float:
        from mpi4py import MPI

        message[-1] = loss
        message *= share
        self.comm.Allreduce(MPI.IN_PLACE, message)  # [team.1]
        self.within = False
        return float(message[-1])

    def command(self, what: int, value: float = 0.0) -> None:
        """Rank 0 tells the others what comes next."""
        if self.rank == 0:
            self.within = True
            self.comm.Bcast(np.array([what, value]))

    def receive(self) -> tuple[int, float]:
        """What rank 0 orders."""
        told = np.empty(2)
        self.comm.Bcast(told)
        return int(told[0]), float(told[1])

    def abort(self) -> None:
        """Take the whole job down."""
        sys.stderr.flush()
        time.sleep(LAST_WORDS_S)
        self.comm.Abort(1)

    def _broadcast(self, array: Array) -> None:
        """Overwrite array with that of rank 0."""
        if self.size > 1 and not array.flags.c_contiguous:
            raise ValueError("only contiguous arrays are sent")
        flat = array.reshape(-1).view(np.uint8)
        for start in range(0, len(flat), PIECE):
            self.comm.Bcast(flat[start : start + PIECE])
