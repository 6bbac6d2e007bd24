"""Characters per second of sampling beside a loop over a module of PyTorch, on one core; and of reading.

PyTorch's loop: one-hot input, the module, `nn.Linear`, softmax, `torch.multinomial`, in inference mode. Interleaved;
ratios are medians over rounds, with quartiles.

    python benchmarks/generation.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import machine

# isort: split
import numpy as np
import torch

from charrnn.config import ModelConfig
from charrnn.generation.filters import SamplingConfig
from charrnn.generation.sample import Writer
from charrnn.nn.model import CharModel
from charrnn.randomness import stream

VOCAB_SIZE = 86
WORKLOADS = [("rnn", 200, 1), ("rnn", 200, 64), ("lstm", 200, 1), ("gru", 200, 1), ("qrnn", 192, 1), ("qrnn", 192, 64)]
MODULES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
HOLDS = {("rnn", 1): 8.0, ("rnn", 64): 3.0}
ROUND_S = 0.3
PROMPT = 20_000


def ours(cell: str, hidden_size: int, streams: int) -> Callable[[int], None]:
    model = CharModel(ModelConfig(VOCAB_SIZE, cell, hidden_size, 3 if cell == "qrnn" else 1))
    params = model.init_parameters(stream(0, "initialisation"))
    writer = iter(Writer(model, params, np.array([1]), SamplingConfig(temperature=0.8), 0, range(streams)))

    def write(characters: int) -> None:
        for _ in itertools.islice(writer, characters):
            pass

    return write


def theirs(cell: str, hidden_size: int, streams: int) -> Callable[[int], None]:
    network = getattr(torch.nn, MODULES[cell])(VOCAB_SIZE, hidden_size)
    readout = torch.nn.Linear(hidden_size, VOCAB_SIZE)

    @torch.inference_mode()
    def write(characters: int) -> None:
        ids, state = torch.zeros(streams, dtype=torch.int64), None
        for _ in range(characters):
            x = torch.nn.functional.one_hot(ids, VOCAB_SIZE).float()[None]
            h, state = network(x, state)
            ids = torch.multinomial(torch.softmax(readout(h[0]) / 0.8, dim=1), 1)[:, 0]

    return write


def seconds(write: Callable[[int], None], characters: int) -> float:
    begun = time.process_time()
    write(characters)
    return (time.process_time() - begun) / characters


def reading() -> str:
    """How long a long prompt takes, per character, beside writing."""
    model = CharModel(ModelConfig(VOCAB_SIZE, "rnn", 200))
    params = model.init_parameters(stream(0, "initialisation"))
    prompt = np.random.default_rng(0).integers(0, VOCAB_SIZE, PROMPT)
    begun = time.process_time()
    Writer(model, params, prompt, SamplingConfig(), 0, [0])
    return f"{1e6 * (time.process_time() - begun) / PROMPT:.1f} µs for each character of a prompt of {PROMPT:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    machine.limit_torch(machine.THREADS)
    print(f"{machine.describe()}; {rounds} rounds")
    for cell, hidden_size, streams in WORKLOADS:
        write = ours(cell, hidden_size, streams)
        peer = theirs(cell, hidden_size, streams) if cell in MODULES else None
        sides = [write, peer] if peer else [write]
        counts = [max(20, int(ROUND_S / seconds(side, 50))) for side in sides]
        times = np.array([[seconds(side, n) for side, n in zip(sides, counts, strict=True)] for _ in range(rounds)])
        line = (
            f"{cell} {hidden_size}, {streams} stream(s): {streams / np.median(times[:, 0]):,.0f} characters per second"
        )
        if peer:
            low, middle, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.5, 0.75])
            line += f"; {middle:.1f} times PyTorch ({low:.1f} to {high:.1f})"
        hold = HOLDS.get((cell, streams))
        print(line + (f"; aim {hold:g}" if hold else ""), flush=True)
    print(f"rnn 200: {reading()}")


if __name__ == "__main__":
    main()
