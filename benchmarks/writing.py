"""What counts change in the texts that a network writes: invented words, and what is copied from the training text.

For each text the default recipe and the same without counts are trained, and each writes 20 texts of 1,000 characters
at three temperatures, from the same seeds. A real word stands in the text; a window is any 20 characters of what was
written.

    python benchmarks/writing.py TEXT [TEXT …] [--out benchmarks/results/writing.json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import machine

# isort: split
import charrnn
from charrnn.runs.files import write_json
from charrnn.scoring import longest_copy
from charrnn.studies.measures import share_of_words, words
from charrnn.text.library import read_text
from charrnn.training.callback import Callback

TEMPERATURES = (0.5, 0.8, 1.0)
TEXTS, LENGTH, WINDOW = 20, 1000, 20


def measure(model: charrnn.LanguageModel, text: str, train_text: str, temperature: float) -> dict[str, float]:
    """Shares from 0 to 1, and a number of characters."""
    written = model.generate_many(TEXTS, length=LENGTH, temperature=temperature, seed=1)
    known = set(words(text))
    windows = [each[k : k + WINDOW] for each in written for k in range(len(each) - WINDOW + 1)]
    return {
        "real_words": sum(share_of_words(each, known) for each in written) / TEXTS,
        "windows_copied": sum(window in train_text for window in windows) / len(windows),
        "longest_copy": max(len(longest_copy(each, train_text)) for each in written),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="a file, or the name of a library text")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine.describe(), "texts": {}}
    print(found["machine"], flush=True)
    for source in options.texts:
        reading = read_text([source], "utf-8")
        train_text = reading.text[: int(0.9 * len(reading.text))]
        of_text = found["texts"][reading.name] = {}
        for ngrams in ("none", "auto"):
            with tempfile.TemporaryDirectory() as folder:
                run = charrnn.train(source, out=Path(folder) / "run", ngrams=ngrams, workers=1, callback=Callback())
                assert run.val is not None
            by = {f"{t:g}": measure(run.model, reading.text, train_text, t) for t in TEMPERATURES}
            of_text[ngrams] = {"validation_nats_per_char": run.val.nats_per_char, "temperatures": by}
            for temperature, row in by.items():
                print(
                    f"{reading.name}, counts: {ngrams}, temperature {temperature}: real words {row['real_words']:.1%}, "
                    f"windows copied {row['windows_copied']:.2%}, longest copy {row['longest_copy']}", flush=True,
                )  # fmt: skip
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
