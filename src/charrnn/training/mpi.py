"""Training on the ranks of `mpiexec -n N charrnn train …`.

Rank 0 runs the program: it reads, decides, evaluates, writes and prints. The other ranks follow its commands and take
the training step on their own lanes, so that no decision by a clock, a signal or a file differs between ranks.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from charrnn.errors import ConfigError, DivergenceError
from charrnn.interrupts import stop_signals
from charrnn.parallel.mpi import BROADCAST, END, GATHER, SETUP, MpiTeam
from charrnn.parallel.team import ALONE, Team, launched
from charrnn.threads import blas_threads
from charrnn.training.trainer import new_trainer


@contextmanager
def mpi_team() -> Iterator[Team]:
    """The team that mpiexec has started, on rank 0; the other ranks follow its commands here, and exit at the end.

    Under `mpiexec -n N python script.py`, everything inside the block runs on rank 0 alone:

        with mpi_team() as team:
            run = charrnn.train("book.txt", team=team)

    Raises
    ------
    ConfigError
        mpi4py is not installed, or does not belong to that mpiexec.
    """
    wanted = launched()
    try:
        from mpi4py import MPI
    except ImportError:
        if wanted is None:  # such as a job of one process under Slurm
            yield ALONE
            return
        raise ConfigError("several processes of mpiexec need mpi4py: pip install 'charrnn[mpi]'") from None
    except RuntimeError as error:
        raise ConfigError(f"mpi4py finds no MPI library ({error}): pip install mpich, or load your site's") from None
    team = MpiTeam(MPI.COMM_WORLD)
    if wanted not in (None, team.size):
        raise ConfigError(
            f"mpiexec has started {wanted} processes, but mpi4py sees {team.size}: they belong to different MPI "
            "libraries; use the mpiexec of mpi4py's library"
        )
    if team.size == 1:
        yield ALONE
        return
    if team.rank:
        for number in stop_signals():  # rank 0 receives them, too, and decides
            signal.signal(number, signal.SIG_IGN)
        try:
            _follow(team)
        except BaseException:
            sys.stderr.write(f"charrnn: error: rank {team.rank} has failed\n{traceback.format_exc()}")
            team.abort()
        sys.exit(0)
    try:
        yield team
    except BaseException as error:
        if team.within:  # the other ranks wait for a message that will not come
            sys.stderr.write(f"charrnn: error: rank 0 has failed during a step: {error!r}\n")
            team.abort()
        team.command(END)
        raise
    team.command(END)


def _follow(team: MpiTeam) -> None:
    """Follow the commands of rank 0 until it ends."""
    trainer: Any = None
    with blas_threads(1):
        while True:
            what, progress = team.receive()
            if what == END:
                return
            if what == SETUP:
                config, characters, ids, old, counted = team.receive_setup()
                trainer = new_trainer(config, characters, ids, team, old=old, counted=counted)
            elif what == BROADCAST:
                trainer.broadcast()
            elif what == GATHER:
                trainer.whole_state()
            else:
                try:
                    with blas_threads(trainer.config.threads):
                        trainer.step(progress)
                except DivergenceError:
                    pass  # rank 0 has the same error, and ends the run
