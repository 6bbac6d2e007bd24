"""What networks with counts gain when they adapt to the text that they predict, and the weights of the mixture.

For each text the default run is trained, with the experts `auto` and with `adapting`. On its validation split it is
evaluated with static counts, with in-context counts for several weights of the counts of the text alone, and with
dynamic evaluation, where nothing but the mixture learns, and where the parameters learn, too.

    python benchmarks/adapting.py TEXT [TEXT …] [--seeds 3] [--out benchmarks/results/adapting.json]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import machine

# isort: split
import numpy as np

import charrnn
from charrnn.language_model import LanguageModel
from charrnn.runs.files import write_json
from charrnn.text.corpus import Corpus
from charrnn.text.library import read_text
from charrnn.training.callback import Callback
from charrnn.training.dynamic import evaluate_dynamic
from charrnn.training.in_context import evaluate_in_context

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3)


def measure(model: LanguageModel, val: Any) -> dict[str, float]:
    """Losses in nats per character."""
    assert model.experts is not None
    network, params, experts = model.network, model.params, model.experts
    found = {"static": model.evaluate_ids(val).nats_per_char}
    for share in SHARES:
        found[f"in-context, {share:g}"] = evaluate_in_context(network, params, val, experts, share).nats_per_char
    found["mixture"] = evaluate_dynamic(network, params, val, 0.0, experts).nats_per_char
    found["dynamic"] = evaluate_dynamic(network, params, val, None, experts).nats_per_char
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="a file, or the name of a library text")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine.describe(), "seeds": options.seeds, "texts": {}}
    print(found["machine"], flush=True)
    for source in options.texts:
        corpus = Corpus.from_reading(read_text([source], "utf-8"))
        val = corpus.split(0.1, 0.0)["val"]
        of_text = found["texts"][corpus.name] = {}
        for ngrams in ("auto", "adapting"):
            rows = []
            for seed in range(options.seeds):
                begun = time.process_time()
                with tempfile.TemporaryDirectory() as folder:
                    run = charrnn.train(
                        source, out=Path(folder) / "run", ngrams=ngrams, seed=seed, workers=1, callback=Callback()
                    )
                rows.append({"cpu_seconds": time.process_time() - begun, **measure(run.model, val)})
                print(
                    corpus.name, ngrams, seed, {name: round(value, 4) for name, value in rows[-1].items()}, flush=True
                )
            of_text[ngrams] = {
                name: {"mean": float(np.mean(values)), "from": min(values), "to": max(values)}
                for name in rows[0] for values in [[row[name] for row in rows]]
            }  # fmt: skip
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
