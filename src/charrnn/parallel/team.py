"""Processes that train one network together: what the training step needs from them, and the team of one.

The global batch is the same whatever their number N: its B lanes are shared among the ranks, rank r computes the
gradient g_r of the mean over its own B_r lanes, and

    g = Σ_r (B_r / B) · g_r                                              [team.1]

is the gradient of the mean over all, since that mean is the same weighted sum. Every rank then takes the same
optimiser step with the same g. Derived in docs/derivations/team.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from charrnn.arrays import Array
from charrnn.batching import Batch
from charrnn.config import TrainConfig
from charrnn.ngrams import Experts

# Where a launcher gives the number of processes: MPICH and Intel MPI, and Open MPI.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "MPI_LOCAL")  # prefixes of their variables
PMIX = "PMIX_RANK"  # set by other launchers, such as Slurm's: this is one of several processes, their number unknown


class Team:
    """A team of one process, which reads every lane and has no other process to inform."""

    size = 1

    def share(self, batch: Batch, progress: float) -> Batch:
        """This process's lanes of a batch. Rank 0 first commands the others to take the same step."""
        return batch

    def reduce_(self, message: Array, loss: float, share: float) -> float:
        """[team.1]: message (P + 1,) holds this rank's gradient, then the team's; returns the team's mean loss."""
        return loss

    def lanes(self, batch_size: int) -> slice:
        """The lanes of the batch that this process reads."""
        return slice(0, batch_size)

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
        """Send the other ranks the settings, the vocabulary, the ids (N,) or their files, and the text's SHA-256.

        The last `old` of the ids are those of an old text, with mix_old. `counted` are counts of earlier texts.
        """

    def broadcast(self, arrays: Sequence[Array], step: int) -> int:
        """Overwrite the arrays of every rank with those of rank 0; returns the step of rank 0."""
        return step

    def scatter(self, state: Array) -> Array:
        """Give each rank its own lanes (L, S, B_r, H) of the state on rank 0 (L, S, B, H)."""
        return state

    def gather(self, state: Array, params: Array, batch_size: int) -> Array:
        """The opposite of `scatter`, on rank 0, which also checks that the params (P,) of all ranks are equal."""
        return state


ALONE = Team()


def launched() -> int | None:
    """The number of processes that mpiexec or a similar launcher has started; None if it does not give the number."""
    for name in SIZES:
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return None if PMIX in os.environ else 1


def environment_of_none() -> dict[str, str]:
    """The environment for a child process, without the launcher's variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}


def launched_as_one_of_several() -> bool:
    """Whether this process may be one of several, and is not a worker of `mpi4py.futures`."""
    return launched() != 1 and "mpi4py.futures" not in sys.modules
