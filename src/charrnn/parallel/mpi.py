"""A team of MPI processes: what the ranks of a communicator send each other.

Rank 0 runs the program. The other ranks receive its commands, of which there are five, and each takes the training
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
from charrnn.batching import Batch
from charrnn.config import TrainConfig, make_config
from charrnn.errors import ConfigError, RunError
from charrnn.ngrams import Experts
from charrnn.parallel.team import Team
from charrnn.runs.model_file import expert_header, read_experts
from charrnn.text.mapped import MappedIds, large_corpus, recoded
from charrnn.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

END, SETUP, BROADCAST, STEP, GATHER = range(5)
FLUSH_SECONDS = 0.3  # for mpiexec to pass on the last output, before it kills all ranks
PIECE = 1 << 30  # bytes in a message: MPI counts in 32 bits


class MpiTeam(Team):
    """The ranks of a communicator."""

    def __init__(self, comm: Intracomm) -> None:
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.within = False  # between a command and the end of what all ranks then do together

    def share(self, batch: Batch, progress: float) -> Batch:
        self.command(STEP, progress)
        lanes = self.lanes(len(batch.fresh))
        return Batch(*(array[..., lanes] for array in batch))

    def reduce_(self, message: Array, loss: float, share: float) -> float:
        from mpi4py import MPI

        message[-1] = loss
        message *= share
        self.comm.Allreduce(MPI.IN_PLACE, message)  # [team.1]
        self.within = False
        return float(message[-1])

    def lanes(self, batch_size: int) -> slice:
        if batch_size < self.size:
            raise ConfigError(
                f"batch_size {batch_size} is too small for {self.size} processes: each needs at least one lane"
            )
        return self.lanes_of_rank(self.rank, batch_size)

    def lanes_of_rank(self, rank: int, batch_size: int) -> slice:
        """The lanes of a rank; where the batch does not divide evenly, some ranks have one lane more than others."""
        return slice(batch_size * rank // self.size, batch_size * (rank + 1) // self.size)

    def send_setup(
        self,
        config: TrainConfig,
        characters: str,
        ids: Array,
        sources: Sequence[str],
        sha256: str,
        old: int = 0,
        counted: Experts | None = None,
    ) -> None:
        self.command(SETUP)
        large = isinstance(ids, MappedIds) and config.documents is None
        facts = {
            "settings": config.as_dict(), "characters": characters, "dtype": ids.dtype.str, "length": len(ids),
            "sources": list(sources) if large else None, "sha256": sha256, "old": old,
            "experts": {} if counted is None else expert_header(counted),
            "counts": [] if counted is None else [(n, a.dtype.str, a.shape) for n, a in counted.packed.items()],
        }  # fmt: skip
        data = np.frombuffer(json.dumps(facts).encode(), np.uint8).copy()
        self.comm.Bcast(np.array([len(data)], np.int64))
        self.comm.Bcast(data)
        for array in () if counted is None else counted.packed.values():
            self._broadcast(array)
        if not large:
            self._broadcast(np.asarray(ids))  # also those of a large list, which every rank then holds
        self.within = False

    def receive_setup(self) -> tuple[TrainConfig, str, Array, int, Experts | None]:
        """Receive what `send_setup` sends: the configuration, the characters, the ids (N,), `old` and `counted`."""
        size = np.empty(1, np.int64)
        self.comm.Bcast(size)
        data = np.empty(size[0], np.uint8)
        self.comm.Bcast(data)  # as bytes: the lower-case methods of mpi4py unpack objects
        facts = json.loads(data.tobytes())
        config = make_config(facts["settings"])
        counts = {name: np.empty(shape, dtype) for name, dtype, shape in facts["counts"]}
        for array in counts.values():
            self._broadcast(array)
        counted = read_experts(facts["experts"], counts, facts["characters"])
        if facts["sources"]:  # too large to send; on this machine the cache holds it already encoded
            corpus = large_corpus(facts["sources"], config.encoding)
            if corpus.sha256 != facts["sha256"]:
                raise RunError(
                    f"rank {self.rank} and rank 0 read different texts from {corpus.name}: the SHA-256 differs"
                )
            ids = recoded(corpus, Vocabulary(facts["characters"]))
            assert ids is not None  # rank 0 has read the same text
            return config, facts["characters"], ids[: facts["length"]], 0, counted
        ids = np.empty(facts["length"], facts["dtype"])
        self._broadcast(ids)
        return config, facts["characters"], ids, facts["old"], counted

    def broadcast(self, arrays: Sequence[Array], step: int) -> int:
        self.command(BROADCAST)
        steps = np.array([step], np.int64)
        for array in (*arrays, steps):
            self._broadcast(array)
        return int(steps[0])

    def scatter(self, state: Array) -> Array:
        self._broadcast(state)
        self.within = False
        return state[:, :, self.lanes(state.shape[2])].copy()

    def gather(self, state: Array, params: Array, batch_size: int) -> Array:
        self.command(GATHER)
        checksums = np.empty(self.size, np.int64)
        self.comm.Gather(np.array([zlib.crc32(params.data)]), checksums)
        by_lane = np.ascontiguousarray(np.moveaxis(state, 2, 0))  # (B_r, L, S, H)
        whole = np.empty((batch_size, *by_lane.shape[1:]), state.dtype)
        lanes = [self.lanes_of_rank(rank, batch_size) for rank in range(self.size)]
        self.comm.Gatherv(by_lane, (whole, [(part.stop - part.start) * whole[0].size for part in lanes]))
        self.within = False
        if self.rank == 0 and (checksums != checksums[0]).any():
            raise RunError("the parameters differ between ranks: their machines give different results")
        return np.ascontiguousarray(np.moveaxis(whole, 0, 2))

    def command(self, what: int, value: float = 0.0) -> None:
        """Rank 0 commands the others what to do next."""
        if self.rank == 0:
            self.within = True
            self.comm.Bcast(np.array([what, value]))

    def receive(self) -> tuple[int, float]:
        """Rank 0's next command."""
        message = np.empty(2)
        self.comm.Bcast(message)
        return int(message[0]), float(message[1])

    def abort(self) -> None:
        """End the processes of all ranks."""
        sys.stderr.flush()
        time.sleep(FLUSH_SECONDS)
        self.comm.Abort(1)

    def _broadcast(self, array: Array) -> None:
        """Overwrite array with that of rank 0."""
        if self.size > 1 and not array.flags.c_contiguous:
            raise ValueError("only contiguous arrays can be broadcast")
        flat = array.reshape(-1).view(np.uint8)
        for start in range(0, len(flat), PIECE):
            self.comm.Bcast(flat[start : start + PIECE])
