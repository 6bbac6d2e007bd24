"""Small models of every kind, with weights large enough to matter, and the logits that NumPy computes."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.export import js
from charrnn.language_model import LanguageModel
from charrnn.ngrams import Experts, OnText, with_all
from charrnn.nn.model import CharModel
from charrnn.text.labels import symbol
from charrnn.text.vocabulary import Vocabulary

CELLS = sorted(js.KNOWN["cell"])
TEXT = (
    "The clock struck one, and the cat ran down.\n“Where to, Zoë?” asked the clock; 漢字 answered 😀, it’s 5 o’clock!\n"
    * 12
)


def make_model(
    cell: str,
    layers: int,
    seed: int = 0,
    hidden_size: int = 13,
    chains: tuple[str, ...] = (),
    documents: bool = False,
    text: str = TEXT,
    labels: tuple[str, ...] = (),
    earlier: str = "",
) -> LanguageModel:
    """A network of random weights, trained on nothing; its biases and norms are random, too.

    With counts, those of an `earlier` text go along.
    """
    symbols = [symbol(labels, label) for label in labels]
    vocabulary, rng = Vocabulary([*text, *symbols], documents), np.random.default_rng(seed)
    config = ModelConfig(
        len(vocabulary),
        cell,
        hidden_size,
        layers,
        num_experts=len(with_all(chains) if earlier else chains),
        documents=documents,
    )
    network = CharModel(config)
    params = network.init_parameters(rng)
    for name, array in params.items():
        array[...] += 0.1 * rng.normal(size=array.shape).astype(np.float32)
        if name.startswith("readout.weight"):
            array *= 3  # so that some characters are far likelier than others
    lines = text.split("\n")
    of_lines = [symbols[len(line) % len(symbols)] for line in lines] if labels else []
    ids = vocabulary.encode_documents(lines, symbols=of_lines) if documents else vocabulary.encode(text)
    experts = Experts.count(chains, vocabulary.characters, ids) if chains else None
    if experts and earlier:
        before = Vocabulary(earlier, documents)
        old = before.encode_documents(earlier.split("\n")) if documents else before.encode(earlier)
        experts = Experts.count(chains, before.characters, old).taken_along(vocabulary.characters)
        experts = experts.added(ids).with_discounts()
    facts = {"text": "clocks", "splits": {"train": 10, "val": 5, "test": 0}, "val_nats_per_char": 1.5, "step": 1}
    facts |= {"labels": list(labels)} if labels else {}
    return LanguageModel(network, params, vocabulary, facts, experts)


def logits_of(model: LanguageModel, text: str) -> Array:
    """The logits (N, V) after each character of a text, in float32 as everywhere."""
    return logits_of_ids(model, model.vocabulary.encode(text))


def logits_of_ids(model: LanguageModel, ids: Array) -> Array:
    log_q = OnText(model.experts, ids).log_q(np.array([0]), len(ids)) if model.experts else None
    ws = model.network.workspace(len(ids), 1)
    logits, _ = model.network.forward(model.params, ids[:, None], model.network.zero_state(1), ws, log_q=log_q)
    return logits[:, 0].copy()
