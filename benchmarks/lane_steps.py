"""How many steps of lanes the writing of many documents takes: counted, not timed.

A list is trained on with the default settings, and 1,000 documents are written with seed 0: all that come, and with
--new and --unique. Written in blocks of 128 that each wait for their longest document, they would take the number of
lanes times the length of the longest, block by block.

    python benchmarks/lane_steps.py names.txt [--out benchmarks/results/lane-steps.json]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import machine

# isort: split
import charrnn
from charrnn.generation import sample
from charrnn.generation.documents import Written, write_documents
from charrnn.generation.many import LANES
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.nn.stepper import Stepper, make_stepper
from charrnn.runs.files import write_json
from charrnn.training.own_text import training_documents

DOCUMENTS, LENGTH = 1000, 500


class Counter:
    """The steps of lanes that steppers compute."""

    def __init__(self) -> None:
        self.steps = 0

    def stepper(self, model: CharModel, params: Parameters, lanes: int) -> Stepper:
        made, used = make_stepper(model, params, lanes), [lanes]
        step, use = made.step, made.use

        def counting(*arguments: Any) -> Any:
            self.steps += used[0]
            return step(*arguments)

        def using(number: int) -> None:
            used[0] = number
            use(number)

        made.step, made.use = counting, using  # type: ignore[method-assign]
        return made


def in_blocks(lengths: Sequence[int], chooses: bool) -> int:
    """The steps of lanes of blocks that wait for their longest document; the last is only as wide as it needs to be."""
    blocks = [lengths[start : start + LANES] for start in range(0, len(lengths), LANES)]
    return sum((LANES if chooses else len(block)) * max(block) for block in blocks)


def measure(model: charrnn.LanguageModel, known: frozenset[str] | None) -> dict[str, int]:
    counter, lengths = Counter(), list[int]()

    def write(numbers: Sequence[int]) -> Iterator[tuple[str, bool]]:
        for text, ended in model.write_stream(numbers, length=LENGTH, seed=0):
            lengths.append(len(text))
            yield text, ended

    sample.make_stepper = counter.stepper  # type: ignore[assignment]
    chooses = known is not None
    written = Written(known, only_new=chooses, only_distinct=chooses)
    kept = sum(1 for _ in write_documents(DOCUMENTS, write, written))
    assert kept == DOCUMENTS
    return {
        "written": written.documents, "characters": sum(lengths), "steps": counter.steps,
        "steps_in_blocks": in_blocks(lengths, chooses),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("list", help="a list of documents, one a line")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine.describe(), "list": Path(options.list).name}
    print(found["machine"], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        run = charrnn.train(options.list, documents="lines", unique=True, out=Path(folder) / "run")
        known = training_documents(run.model, run.path)
    for name, documents in (("all", None), ("new_and_unique", known)):
        found[name] = row = measure(run.model, documents)
        saved = 1 - row["steps"] / row["steps_in_blocks"]
        print(f"{name}: {row['written']:,} written, {row['steps']:,} steps of lanes, {saved:.0%} fewer than in blocks")
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
