"""Training by several processes: speed-up measured on this machine, and modelled for clusters.

mpiexec -n 2 python benchmarks/scaling.py [--rounds 15]

Strong scaling: the batch stays the same, and its lanes are dealt. Weak scaling: each process brings a whole batch of
its own. One process and all of them take turns within each round, each process on a core of its own; while one works
alone, the others sleep.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from math import log2

import machine

# isort: split
import numpy as np
from mpi4py import MPI

from charrnn.config import TrainConfig, make_config
from charrnn.parallel.team import ALONE, Team
from charrnn.training.mpi import MpiTeam
from charrnn.training.trainer import Trainer, new_trainer

VOCAB_SIZE = 80
CHARACTERS = "".join(map(chr, range(VOCAB_SIZE)))
SETTINGS = {
    "RNN 200, B 50, T 25": {"cell": "rnn", "hidden_size": 200, "batch_size": 50, "seq_len": 25},
    "RNN 512, B 64, T 50": {"cell": "rnn", "hidden_size": 512, "batch_size": 64, "seq_len": 50},
    "LSTM 512, B 64, T 50": {"cell": "lstm", "hidden_size": 512, "batch_size": 64, "seq_len": 50},
    "QRNN 192 × 3, B 16, T 64": {"cell": "qrnn", "hidden_size": 192, "num_layers": 3, "batch_size": 16, "seq_len": 64},
}
# Latency of a message in seconds, and bandwidth in bytes per second: usual figures of a switch between two machines.
NETWORKS = {
    "1 Gbit Ethernet": (50e-6, 0.117e9),
    "10 Gbit Ethernet": (20e-6, 1.17e9),
    "25 Gbit RoCE": (4e-6, 2.9e9),
    "200 Gbit InfiniBand": (1.5e-6, 24e9),
}
COUNTS = (1, 2, 4, 8, 16, 32, 64)
ROUND_S = 0.25


def make_trainer(config: TrainConfig, team: Team) -> Trainer:
    ids = np.random.default_rng(0).integers(0, VOCAB_SIZE, 300_000, dtype=np.uint8)
    return new_trainer(config, CHARACTERS, ids, team)


def seconds_per_step(trainer: Trainer, steps: int) -> float:
    begun = time.perf_counter()
    for _ in range(steps):
        trainer.step(0.0)
    return (time.perf_counter() - begun) / steps


class Lockstep(MpiTeam):
    """A team that steps without orders: here every rank knows when."""

    def command(self, what: int, value: float = 0.0) -> None:
        """As many bytes as an order takes."""
        self.comm.Bcast(np.array([what, value]))


def wait(comm: MPI.Intracomm) -> None:
    """A barrier at which one sleeps: waiting in MPI takes a whole core."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.001)


def compare(name: str, settings: dict, comm: MPI.Intracomm, rounds: int) -> None:
    """Medians over the rounds: one process ÷ all of them, for the same batch and for a batch each."""
    team = Lockstep(comm)
    config = make_config({**settings, "batching": "random", "schedule": "constant"})
    wide = replace(config, batch_size=config.batch_size * team.size)
    alone, strong, weak = make_trainer(config, ALONE), make_trainer(config, team), make_trainer(wide, team)
    for trainer in (strong, weak):
        trainer.state = trainer.state[:, :, trainer.lanes].copy()
    steps = np.array([max(3, int(ROUND_S / seconds_per_step(alone, 5)))])
    comm.Bcast(steps)
    count, times = int(steps[0]), []
    for _ in range(rounds):
        wait(comm)
        one = seconds_per_step(alone, count) if team.rank == 0 else 0.0
        wait(comm)
        shared = seconds_per_step(strong, count)
        wait(comm)
        own = seconds_per_step(weak, count)
        times.append((one, shared, own))
    if team.rank == 0:
        one, shared, own = np.median(times, axis=0)
        speed_up = np.median([a / b for a, b, _ in times])
        efficiency = np.median([a / c for a, _, c in times])
        print(
            f"| {name} | {len(alone.params.vector) * 4 / 1024:,.0f} kB | {one * 1e3:.2f} | {shared * 1e3:.2f} | "
            f"{speed_up:.2f} | {efficiency * 100:.0f} % |",
            flush=True,
        )


def measure_sums(comm: MPI.Intracomm) -> None:
    """The time of a sum over all processes, by size."""
    for size in (1_000, 65_000, 350_000, 1_300_000):
        message, times = np.ones(size, np.float32), []
        for _ in range(200):
            comm.Barrier()
            begun = time.perf_counter()
            comm.Allreduce(MPI.IN_PLACE, message)
            times.append(time.perf_counter() - begun)
        if comm.Get_rank() == 0:
            print(f"| {size * 4 / 1024:,.0f} kB | {np.median(times) * 1e6:,.0f} µs |", flush=True)


def model_clusters(rounds: int) -> None:
    """Speed-up of N machines with a core each: measured time of B / N lanes, and a ring sum over the network."""
    print(f"\n| setting | network | {' | '.join(f'N = {n}' for n in COUNTS[1:])} | stops paying after |")
    print("|---|---|" + "--:|" * len(COUNTS))
    for name, settings in SETTINGS.items():
        config = make_config({**settings, "batching": "random", "schedule": "constant"})
        counts = [n for n in COUNTS if n <= config.batch_size]
        trainers = {n: make_trainer(replace(config, batch_size=config.batch_size // n), ALONE) for n in counts}
        steps = {n: max(3, int(ROUND_S / 4 / seconds_per_step(t, 5))) for n, t in trainers.items()}
        times = [{n: seconds_per_step(t, steps[n]) for n, t in trainers.items()} for _ in range(rounds)]
        compute = {n: float(np.median([row[n] for row in times])) for n in counts}
        size = 4 * len(trainers[1].params.vector)
        for network, (latency, bandwidth) in NETWORKS.items():
            gains = {
                n: compute[1] / (compute[n] + (2 * log2(n) * latency + 2 * (n - 1) / n * size / bandwidth))
                for n in counts
            }
            pays = 1
            while 2 * pays in gains and gains[2 * pays] > 1.2 * gains[pays]:
                pays *= 2
            row = " | ".join(f"{gains[n]:.1f}" if n in gains else "" for n in COUNTS[1:])
            print(f"| {name} | {network} | {row} | {pays} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    comm = MPI.COMM_WORLD
    if comm.Get_size() < 2:
        sys.exit("scaling: error: start it with mpiexec -n 2")
    if comm.Get_rank() == 0:
        print(machine.describe())
        print(f"\n{comm.Get_size()} processes; milliseconds per step; efficiency with a whole batch for each process")
        print("\n| setting | gradient | one process | all | speed-up | weak efficiency |\n|---|--:|--:|--:|--:|--:|")
    for name, settings in SETTINGS.items():
        compare(name, settings, comm, rounds)
    if comm.Get_rank() == 0:
        print("\n| message | sum over all processes |\n|---|--:|")
    measure_sums(comm)
    if comm.Get_rank() == 0:
        model_clusters(rounds)
    wait(comm)


if __name__ == "__main__":
    main()
