"""Characters per second of sampling beside a loop over a module of PyTorch, on one core; and of reading.

PyTorch's loop: one-hot input, the module, `nn.Linear`, softmax, `torch.multinomial`, in inference mode. A network with
counts, those of the bundled novel, stands beside the same network without. Interleaved; ratios are medians over rounds,
with quartiles.

    python benchmarks/generation.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator

import machine

# isort: split
import numpy as np
import torch

from charrnn.config import ModelConfig
from charrnn.generation.filters import SamplingConfig
from charrnn.generation.sample import Writer
from charrnn.ngrams import Experts
from charrnn.nn.model import CharModel
from charrnn.randomness import stream
from charrnn.text.corpus import Corpus
from charrnn.text.library import read_text

VOCAB_SIZE = 86
WORKLOADS = [("rnn", 200, 1), ("rnn", 200, 64), ("lstm", 200, 1), ("gru", 200, 1), ("qrnn", 192, 1), ("qrnn", 192, 64)]
MODULES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
HOLDS = {("rnn", 1): 8.0, ("rnn", 64): 3.0}
ROUND_S = 0.3
PROMPT = 20_000


def ours(cell: str, hidden_size: int, streams: int) -> Callable[[int], None]:
    model = CharModel(ModelConfig(VOCAB_SIZE, cell, hidden_size, 3 if cell == "qrnn" else 1))
    params = model.init_parameters(stream(0, "initialisation"))
    writer = drawing(Writer(model, params, np.array([1]), SamplingConfig(temperature=0.8), 0, streams))
    return lambda count: drawn(writer, count)


def drawing(writer: Writer) -> Iterator[object]:
    """The ids of all lanes, without end."""
    if writer.lanes == 1:
        yield from writer.write()
    lanes = range(writer.lanes)
    for lane in lanes:
        writer.begin(lane, lane)
    while True:
        yield writer.draw(lanes)
        writer.read(len(lanes))


def drawn(writer: Iterator[object], count: int) -> None:
    for _ in itertools.islice(writer, count):
        pass


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


def with_counts(streams: int) -> tuple[Callable[[int], None], Callable[[int], None]]:
    """The default network with counts, and without."""
    corpus = Corpus.from_reading(read_text([], "utf-8"))
    characters = corpus.vocabulary.characters
    experts = Experts.count(("characters", "words"), characters, corpus.split(0.1, 0.0)["train"])

    def write_by(experts: Experts | None) -> Callable[[int], None]:
        model = CharModel(
            ModelConfig(len(characters), "qrnn", 128, 3, num_experts=len(experts.names) if experts else 0)
        )
        params = model.init_parameters(stream(0, "initialisation"))
        sampling = SamplingConfig(temperature=0.8)
        writer = drawing(Writer(model, params, np.array([1]), sampling, 0, streams, experts))
        return lambda count: drawn(writer, count)

    return write_by(experts), write_by(None)


def reading() -> str:
    """How long a long prompt takes, per character, beside writing."""
    model = CharModel(ModelConfig(VOCAB_SIZE, "rnn", 200))
    params = model.init_parameters(stream(0, "initialisation"))
    prompt = np.random.default_rng(0).integers(0, VOCAB_SIZE, PROMPT)
    begun = time.process_time()
    Writer(model, params, prompt, SamplingConfig())
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
    for streams in (1, 8, 64):
        sides = list(with_counts(streams))
        counts = [max(20, int(ROUND_S / seconds(side, 50))) for side in sides]
        times = np.array([[seconds(side, n) for side, n in zip(sides, counts, strict=True)] for _ in range(rounds)])
        low, middle, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.5, 0.75])
        name, speed = f"qrnn 128 × 3 with counts, {streams} stream(s)", streams / np.median(times[:, 0])
        share = f"{middle:.2f} of the speed without ({low:.2f} to {high:.2f}); aim 0.6"
        print(f"{name}: {speed:,.0f} characters per second; {share}", flush=True)
    print(f"rnn 200: {reading()}")


if __name__ == "__main__":
    main()
