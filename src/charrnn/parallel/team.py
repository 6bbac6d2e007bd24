"""Processes that train one network together: what the training step asks of them, and the team of one.

The global batch is the same whatever their number N: its B lanes are dealt to the ranks, rank r computes the gradient
g_r of the mean over its own B_r lanes, and

    g = Σ_r (B_r / B) · g_r                                              [team.1]

is the gradient of the mean over all, since that mean is the same weighted sum. Every rank then takes the same
optimiser step with the same g. Derived in docs/derivations/team.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from charrnn.arrays import Array
from charrnn.config import TrainConfig

# Where a launcher tells a process how many there are: MPICH and Intel MPI, and Open MPI.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "MPI_LOCAL")  # their variables begin like this
PMIX = "PMIX_RANK"  # other launchers, such as Slurm's: it is one of some number


class Team:
    """A team of one: every lane is its own, and there is nobody to tell."""

    size = 1

    def lanes(self, batch_size: int) -> slice:
        """The lanes of the batch that are this process's."""
        return slice(0, batch_size)

    def set_up(self, config: TrainConfig, vocab_size: int, ids: Array, sources: Sequence[str], sha256: str) -> None:
        """Tell the others what is trained on which ids (N,), or in which files to find them, and the text's SHA-256."""

    def broadcast(self, arrays: Sequence[Array], step: int) -> int:
        """Overwrite everybody's arrays with those of rank 0; returns its step."""
        return step

    def scatter(self, state: Array) -> Array:
        """From the state of all lanes (L, S, B, H) on rank 0, to each rank its own lanes (L, S, B_r, H)."""
        return state

    def gather(self, state: Array, params: Array, batch_size: int) -> Array:
        """The opposite of `scatter`, on rank 0, which also makes sure that everybody's params (P,) are the same."""
        return state

    def begin_step(self, progress: float) -> None:
        """Tell the others to take a step."""

    def reduce_(self, message: Array, loss: float, share: float) -> float:
        """[team.1]: message (P + 1,) holds this rank's gradient, then everybody's; returns everybody's mean loss."""
        return loss


ALONE = Team()


def launched() -> int | None:
    """How many processes mpiexec or its like says it has started, this one included; None if it does not say."""
    for name in SIZES:
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return None if PMIX in os.environ else 1


def environment_of_none() -> dict[str, str]:
    """This process's environment for one that it starts itself, and that is not one of the launcher's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}


def launched_as_one_of_several() -> bool:
    """Whether this process may be one of several, and is not a worker of `mpi4py.futures`."""
    return launched() != 1 and "mpi4py.futures" not in sys.modules
