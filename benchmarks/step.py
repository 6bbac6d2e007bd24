"""One training step of a vanilla RNN beside PyTorch's, on one core: forward, backward, clipping, Adam, float32.

PyTorch's side is `nn.RNN` + `nn.Linear` with one-hot inputs, cross_entropy and fused Adam, run eagerly. Both read the
same windows from a fresh state. Times are process CPU times, interleaved; the ratio is the median over rounds.

    python benchmarks/step.py [--rounds 15]
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from machine import describe

from charrnn.batching import make_batcher
from charrnn.config import ModelConfig, make_config
from charrnn.nn.model import CharModel
from charrnn.randomness import stream
from charrnn.training.trainer import Trainer

VOCAB_SIZE = 86
WORKLOADS = [
    (200, 25, 1),
    (200, 25, 10),
    (200, 25, 50),
    (256, 64, 16),
    (512, 50, 64),
]  # hidden_size, seq_len, batch_size
ROUND_S = 0.2  # of each side in each round


def ours(hidden_size: int, seq_len: int, batch_size: int) -> tuple[Callable[[], float], Trainer]:
    config = make_config(
        {"hidden_size": hidden_size, "seq_len": seq_len, "batch_size": batch_size, "batching": "random",
         "grad_clip": 5.0, "learning_rate": 0.001, "schedule": "constant"}
    )  # fmt: skip
    ids = np.random.default_rng(0).integers(0, VOCAB_SIZE, 200_000).astype(np.uint8)
    model = CharModel(ModelConfig(VOCAB_SIZE, "rnn", hidden_size))
    trainer = Trainer(model, model.init_parameters(stream(0, "initialisation")), make_batcher(ids, config), config)
    return lambda: trainer.step(0.0).loss, trainer


def theirs(hidden_size: int, trainer: Trainer) -> Callable[[], float]:
    network = torch.nn.RNN(VOCAB_SIZE, hidden_size)
    readout = torch.nn.Linear(hidden_size, VOCAB_SIZE)
    parameters = [*network.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.001, fused=True)
    count = 0

    def step() -> float:
        nonlocal count
        batch = trainer.batcher[count]
        count += 1
        inputs = torch.nn.functional.one_hot(torch.from_numpy(batch.inputs.astype(np.int64)), VOCAB_SIZE).float()
        targets = torch.from_numpy(batch.targets.astype(np.int64))
        optimizer.zero_grad(set_to_none=True)
        logits = readout(network(inputs)[0])
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB_SIZE), targets.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        return loss.item()

    return step


def seconds_per_call(step: Callable[[], float], calls: int) -> float:
    begun = time.process_time()
    for _ in range(calls):
        step()
    return (time.process_time() - begun) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(f"{describe()}; PyTorch {torch.__version__}; vocabulary {VOCAB_SIZE}; {rounds} rounds")
    print("hidden  seq  batch   ours ms   us/char   PyTorch ÷ ours (quartiles)")
    for hidden_size, seq_len, batch_size in WORKLOADS:
        our_step, trainer = ours(hidden_size, seq_len, batch_size)
        their_step = theirs(hidden_size, trainer)
        calls = max(2, int(ROUND_S / min(seconds_per_call(our_step, 5), seconds_per_call(their_step, 5))))
        times = np.array(
            [[seconds_per_call(our_step, calls), seconds_per_call(their_step, calls)] for _ in range(rounds)]
        )
        low, middle, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.5, 0.75])
        mine = float(np.median(times[:, 0]))
        print(
            f"{hidden_size:6d} {seq_len:4d} {batch_size:6d} {1e3 * mine:9.2f} {1e6 * mine / seq_len / batch_size:9.2f}"
            f"   {middle:.2f} ({low:.2f} to {high:.2f})"
        )


if __name__ == "__main__":
    main()
