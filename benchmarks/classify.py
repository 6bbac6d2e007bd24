"""Labels of documents found by the network and by an n-gram for each label, measured on documents that chose nothing.

Each seed splits the list by a hash of each document: 80 % train, 10 % validate, 10 % test. Whatever is chosen, the step
that the run keeps and the order of the n-grams, is chosen on the validation documents; the table is of the test
documents. The n-grams are Kneser–Ney, one for each label, weighed by how frequent the label is in training.

    python benchmarks/classify.py surnames.csv --documents csv:name --label csv:language \\
        [--out benchmarks/results/classify.json]
    python benchmarks/classify.py --sentences clockmakers-cup tinyshakespeare nietzsche \\
        [--out benchmarks/results/classify-sentences.json]

The second list is made of the beginnings of sentences, in small letters, each labelled with the text that it is from.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import machine

# isort: split
import numpy as np

import charrnn
from charrnn.ngrams import NGram
from charrnn.runs.files import write_json
from charrnn.scoring.labels import evaluate_labels
from charrnn.text.documents import written_out
from charrnn.text.labels import LabelledDocument
from charrnn.text.library import read_text
from charrnn.text.opening import Plan, open_corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.callback import Callback

SEEDS, ORDERS, SHARE = (0, 1, 2), range(2, 7), 0.1
Documents = list[LabelledDocument]


def splits_of(source: str, documents: str, label: str, seed: int) -> dict[str, Documents]:
    """The documents of each split, as a run with this seed splits them."""
    plan = Plan(documents, label, seed, True, {}, SHARE, SHARE)
    corpus, _ = open_corpus([source], "utf-8", lambda text: None, lambda what, share: None, plan)
    parts = corpus.split(SHARE, SHARE)
    labels = corpus.labels  # type: ignore[attr-defined]
    return {
        part: [LabelledDocument.of(each) for each in written_out(ids, corpus.vocabulary, labels)]
        for part, ids in parts.items()
    }


def by_ngrams(parts: dict[str, Documents]) -> dict[str, Any]:
    """The share of test documents whose label the n-grams find, of the order that finds the most in validation."""
    vocabulary = Vocabulary({c for documents in parts.values() for _, text in documents for c in text}, documents=True)
    of_label: dict[str, list[str]] = {}
    for label, text in parts["train"]:
        of_label.setdefault(label, []).append(text)
    labels = sorted(of_label)
    prior = -np.log([len(of_label[label]) / len(parts["train"]) for label in labels])

    def right(part: str, models: list[NGram]) -> float:
        texts = [text for _, text in parts[part]]
        ids = vocabulary.encode_documents(texts)
        begins = np.cumsum([1, *(len(text) + 1 for text in texts[:-1])])  # each document's end is one of its symbols
        nats = np.array([np.add.reduceat(model.nats(ids), begins) for model in models]) + prior[:, None]
        found = nats.argmin(axis=0)
        return float(np.mean([labels[k] == label for k, (label, _) in zip(found, parts[part], strict=True)]))

    tried = {}
    for order in ORDERS:
        models = [
            NGram(vocabulary.encode_documents(of_label[label]), len(vocabulary), order, "Kneser–Ney", documents=True)
            for label in labels
        ]
        tried[order] = right("val", models), right("test", models)
    order = max(ORDERS, key=lambda n: tried[n][0])
    return {"order": order, "val": tried[order][0], "test": tried[order][1]}


def by_network(source: str, parts: dict[str, Documents], seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The same of the network with the default settings, and its losses given the labels."""
    with tempfile.TemporaryDirectory() as folder:
        run = charrnn.train(
            source, out=Path(folder) / "run", seed=seed, unique=True, val_fraction=SHARE, test_fraction=SHARE,
            callback=Callback(), **settings,
        )  # fmt: skip
    found: dict[str, Any] = {"step": run.best_step, "steps": run.step}
    for part in ("val", "test"):
        labels, texts = zip(*parts[part], strict=True)
        both = list(run.model._classified(texts, "error"))
        evaluated = evaluate_labels(iter(both), labels, run.model.labels)
        alone = [run.model.labels[int(nats.sum(axis=1).argmin())] for nats, _ in both]
        found[part] = evaluated.accuracy
        found[f"{part}_by_network_alone"] = float(np.mean(np.array(alone) == np.array(labels)))
    found["test_nats_per_symbol"] = evaluated.nats_per_symbol
    found["test_nats_per_symbol_shuffled"] = evaluated.shuffled_nats_per_symbol
    return found


def sentences(names: list[str], folder: Path) -> str:
    """A list of the beginnings of sentences, each with the name of its text."""
    rows = []
    for name in names:
        text = " ".join(read_text([name]).text.split())
        found = dict.fromkeys(each for each in re.split(r"(?<=[.!?]) ", text) if 8 <= len(each) <= 50)
        short = [re.sub("[^a-z ]", "", each.lower())[:30] for each in found]
        rows += [(name, each) for each in random.Random(0).sample(short, min(2500, len(short)))]
    path = folder / "sentences.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("language", "name"), *rows])
    return str(path)


def measure(source: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    parts = splits_of(source, settings["documents"], settings["label"], seed)
    frequent, _ = Counter(label for label, _ in parts["train"]).most_common(1)[0]
    return {
        "documents": {part: len(documents) for part, documents in parts.items()},
        "most_frequent": float(np.mean([label == frequent for label, _ in parts["test"]])),
        "ngrams": by_ngrams(parts),
        "network": by_network(source, parts, seed, settings),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("list", nargs="?", help="a list of labelled documents")
    parser.add_argument("--sentences", nargs="+", metavar="TEXT", help="texts whose sentences are the list")
    parser.add_argument("--documents", default="csv:name")
    parser.add_argument("--label", default="csv:language")
    parser.add_argument("--steps", type=int, help="instead of the default budget")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    settings: dict[str, Any] = {"documents": options.documents, "label": options.label}
    settings |= {} if options.steps is None else {"steps": options.steps}
    source = options.list or sentences(options.sentences, Path(tempfile.mkdtemp()))
    found: dict[str, Any] = {"machine": machine.describe(), "list": Path(source).name, "seeds": {}}
    print(found["machine"], flush=True)
    for seed in SEEDS:
        found["seeds"][str(seed)] = row = measure(source, seed, settings)
        network, ngrams = row["network"], row["ngrams"]
        alone, steps = network["test_by_network_alone"], f"step {network['step']:,} of {network['steps']:,}"
        words = [
            f"seed {seed}: test {network['test']:.2%} by classify (validation {network['val']:.2%}, {steps})",
            f"{alone:.2%} by the network alone",
            f"{ngrams['test']:.2%} by n-grams of order {ngrams['order']} (validation {ngrams['val']:.2%})",
            f"{row['most_frequent']:.2%} by the most frequent label",
        ]
        print(", ".join(words), flush=True)
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
