"""What the server does under load: 200 streams at once beside one after another, the first character, and memory.

A server of its own process with the network of the recipe "quick" (untrained: what it writes makes no difference), and
clients in this process. Both ways of serving take turns; the ratio is the median over rounds.

    python benchmarks/serving.py [--rounds 5] [--streams 200] [--characters 200] [--requests 10000] [--run RUN]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import machine

# isort: split
from charrnn import LanguageModel
from charrnn.config import ModelConfig
from charrnn.nn.model import CharModel
from charrnn.randomness import stream
from charrnn.text.vocabulary import Vocabulary

PROMPT = "The clock struck and "
ALONE = 20  # streams in a row in each round
FIRST = 50  # requests whose first character is timed
LONG = 4000  # characters of a request alone
HOLDS_RATIO, HOLDS_FIRST_S = 3.0, 0.1
CHARACTERS = "".join(map(chr, range(32, 127))) + "\n"


class Server(NamedTuple):
    host: str
    port: int
    pid: int

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kb(self) -> int:
        return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[0])


class Served(NamedTuple):
    characters: int
    first_s: float  # from the request to the first character


@contextmanager
def serving(run: Path) -> Iterator[Server]:
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # server and clients each have a core
    process = subprocess.Popen(
        [sys.executable, "-m", "charrnn", "serve", str(run), "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Server(told["host"], told["port"], process.pid)
    finally:
        process.terminate()
        process.communicate()


async def request(server: Server, characters: int, seed: int, **more: Any) -> Served:
    """One streamed completion, read to its end."""
    body = {"prompt": PROMPT, "max_tokens": characters, "seed": seed, "stream": True, **more}
    data = json.dumps(body).encode()
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {server.host}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    received, first = 0, 0.0
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(status.decode())
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            first = first or time.perf_counter() - begun
            received += len(json.loads(line[6:])["choices"][0]["text"])
    writer.close()
    if received != characters:
        raise RuntimeError(f"{received} of {characters} characters came")
    return Served(received, first)


async def together(server: Server, streams: int, characters: int, **more: Any) -> tuple[float, list[float]]:
    """Characters per second of some streams at once, and how long each waited for its first character."""
    begun = time.perf_counter()
    served = await asyncio.gather(*(request(server, characters, k, **more) for k in range(streams)))
    seconds = time.perf_counter() - begun
    return sum(s.characters for s in served) / seconds, [s.first_s for s in served]


async def in_a_row(server: Server, streams: int, characters: int, **more: Any) -> float:
    begun = time.perf_counter()
    served = [await request(server, characters, k, **more) for k in range(streams)]
    return sum(s.characters for s in served) / (time.perf_counter() - begun)


def untrained(folder: Path) -> Path:
    """A model file with the network of the recipe "quick"."""
    model = CharModel(ModelConfig(len(CHARACTERS), "qrnn", 192, 3))
    path = folder / "model.safetensors"
    LanguageModel(model, model.init_parameters(stream(0, "initialisation")), Vocabulary(CHARACTERS)).save(path)
    return path


async def memory(server: Server, requests: int) -> list[int]:
    """Resident kB of the server after each tenth of the requests."""
    sizes = []
    for tenth in range(10):
        for k in range(0, requests // 10, 50):
            await asyncio.gather(
                *(request(server, 5, k, logprobs=5, temperature=0.5 + (tenth * 1000 + k) / 1e5) for _ in range(50))
            )
        sizes.append(server.resident_kb())
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--characters", type=int, default=200)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--run", type=Path, help="serve this instead")
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as folder, serving(options.run or untrained(Path(folder))) as server:
        for name, more in (
            ("equal settings", {}),
            ("top-p 0.9", {"top_p": 0.9}),
            ("top-p 0.9, logprobs 5", {"top_p": 0.9, "logprobs": 5}),
        ):
            ratios, rates, waits = [], [], []
            for _ in range(options.rounds):
                alone = asyncio.run(in_a_row(server, ALONE, options.characters, **more))
                rate, first = asyncio.run(together(server, options.streams, options.characters, **more))
                ratios.append(rate / alone)
                rates.append((alone, rate))
                waits += first
            alone, rate = (statistics.median(r[i] for r in rates) for i in (0, 1))
            print(
                f"{name}: {options.streams} streams at once {rate:,.0f} characters/s, one after another {alone:,.0f}: "
                f"{statistics.median(ratios):.1f} times as many (from {min(ratios):.1f} to {max(ratios):.1f}; aim "
                f"{HOLDS_RATIO:g}); first character after {statistics.median(waits) * 1000:.0f} ms (median), "
                f"{max(waits) * 1000:.0f} ms (longest)"
            )
        spent = []
        for k in range(options.rounds):
            begun = server.cpu_s()
            asyncio.run(request(server, LONG, k))
            spent.append(server.cpu_s() - begun)
        print(f"a request alone: {statistics.median(spent) / LONG * 1e6:.0f} µs of the server's processor a character")
        first = [asyncio.run(request(server, 20, k)).first_s for k in range(FIRST)]
        print(
            f"first character of a request alone: {statistics.median(first) * 1000:.1f} ms (median), "
            f"{max(first) * 1000:.1f} ms (longest of {FIRST}; aim {HOLDS_FIRST_S * 1000:g})"
        )
        sizes = asyncio.run(memory(server, options.requests))
        print(f"resident after each tenth of {options.requests:,} requests: {', '.join(f'{s:,}' for s in sizes)} kB")


if __name__ == "__main__":
    main()
