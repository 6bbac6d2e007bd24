"""Starting from a model: its network over a larger vocabulary, its settings, and where it comes from.

The vocabulary is the union of the model's and the new text's, and every character keeps its own numbers, though its id
may change. A new character begins as one that the model has seen once: see `nn.growth`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from charrnn.arrays import Array
from charrnn.config import SETTINGS, TrainConfig, declared, known_settings, make_config
from charrnn.errors import ConfigError, RunError
from charrnn.language_model import LanguageModel, load
from charrnn.ngrams import EXPERTS, Experts, alone, came_from
from charrnn.nn.growth import grown, id_axes, places
from charrnn.nn.parameters import Parameters
from charrnn.runs.model_file import MODEL_FILE
from charrnn.scoring.evaluation import windows
from charrnn.settings import did_you_mean
from charrnn.text.corpus import Corpus
from charrnn.text.documents import form_of_files
from charrnn.text.library import LIBRARY, file_sha256
from charrnn.text.mapped import MappedIds
from charrnn.text.vocabulary import BOUNDARY, Vocabulary
from charrnn.threads import blas_threads
from charrnn.training.optimizers import OPTIMIZERS
from charrnn.training.trainer import Trainer

MOST_MASS = 2e-4  # of the probability that all new characters together begin with: what it costs the old text, in nats
PROBE_SAMPLES, PROBE_LENGTH = 20, 100  # what the model writes to find out how large its logits are
FITS = ("cell", "hidden_size", "num_layers", "ngrams")  # what the network of a model decides
OWN = {
    "init_from",
    "freeze_layers",
    "mix_old",
    "val",
    "test",
    "encoding",
    "val_fraction",
    "test_fraction",
}  # what every text has for itself
# What suits a little more training of a network that is trained, in place of the model's own numbers.
SHARE_OF_RATE, WARMUP_STEPS, STEPS, PATIENCE = 0.3, 100, 1000, 10
NEW_RATE = 10.0  # times the learning rate of what is trained: for what belongs to new characters
MOST_PARENTS = 100


class Parent(NamedTuple):
    """The model that a run starts from."""

    path: Path
    sha256: str  # of its file
    model: LanguageModel

    @classmethod
    def read(cls, path: str | Path) -> Parent:
        """The model of a run folder or of a model file; RunError if there is none."""
        if not os.path.exists(path):
            raise RunError(f"there is no model at '{path}'{did_you_mean(str(path), LIBRARY)}")
        file = Path(path) / MODEL_FILE if Path(path).is_dir() else Path(path)
        model = load(path)
        return cls(Path(path), file_sha256(file), model)

    @classmethod
    def again(cls, path: str, parents: Sequence[Mapping[str, Any]]) -> Parent:
        """The model that a run has named, for one that was killed before its first checkpoint; it must be the same."""
        parent = cls.read(path)
        if not parents or parent.sha256 != parents[0].get("sha256"):
            raise RunError(f"the model '{path}' is no longer the one that the run started from: its SHA-256 differs")
        return parent

    def settings(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a run that starts from the model, except those that are chosen.

        Raises
        ------
        ConfigError
            A chosen setting asks for another network.
        RunError
            The model's own settings are not those of a run.
        """
        if self.model.labels:
            raise ConfigError(
                f"'{self.path}' is a model of labelled documents, whose symbols stand for other labels in another "
                "list: leave out --init-from, or start from a model without labels"
            )
        network, known = self.model.network.config, known_settings()
        names = self.model.experts.names if self.model.experts else ()
        ngrams = next((name for name, choice in EXPERTS.items() if choice.chains == alone(names)), "none")
        fixed = {
            "cell": network.cell, "hidden_size": network.hidden_size, "num_layers": network.num_layers,
            "ngrams": ngrams,
        }  # fmt: skip
        for name in FITS:
            joins = name == "ngrams" and fixed[name] == "none"  # a network without counts may be given some
            if chosen.get(name) is not None and chosen[name] != fixed[name] and not joins:
                raise ConfigError(
                    f"{name} {chosen[name]} does not fit the model '{self.path}', which has {name} {fixed[name]}: "
                    "leave it out, or train without --init-from"
                )
        before = self.model.provenance.get("settings", {})
        if not isinstance(before, dict):
            raise RunError(f"'{self.path}' is damaged: its settings are not a table")
        groups = {"model", "data", "optimiser"}
        settings = {
            name: value for name, value in before.items()
            if name in known and known[name].group in groups and name not in OWN and value is not None
        }  # fmt: skip
        settings |= {**fixed, "dropout": network.dropout, "dtype": str(self.model.params.vector.dtype)}
        if not network.documents:
            settings.pop("documents", None)
        else:
            settings["documents"], _ = form_of_files(settings.get("documents"), None)
        try:
            old = make_config(settings)
        except ConfigError as error:
            raise RunError(f"'{self.path}' is damaged: its settings are not those of a run: {error}") from None
        return self._gentle(settings, old, chosen)

    def _gentle(self, settings: dict[str, Any], old: TrainConfig, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """The model's settings, with those that depend on what is chosen, and those of a little more training."""
        optimizer = chosen.get("optimizer") or old.optimizer
        rate = old.learning_rate if optimizer == old.optimizer else OPTIMIZERS[optimizer].usual_rate
        settings |= {"learning_rate": float(f"{SHARE_OF_RATE * rate:.6g}"), "warmup_steps": WARMUP_STEPS}
        if not any(chosen.get(name) is not None for name in ("epochs", "steps", "minutes")):
            settings["steps"] = STEPS
        if chosen.get("val_fraction") != 0 or chosen.get("val"):
            settings["patience"] = PATIENCE
        documents = chosen["documents"] if "documents" in chosen else settings.get("documents")
        if documents is None:
            settings.pop("documents", None)
            settings.pop("unique", None)
            if settings.get("batching") == "documents":
                settings["batching"] = "sequential"
        elif not self.model.vocabulary.documents:
            settings["batching"] = "documents"
        settings |= {name: chosen[name] for name in chosen}
        for name in [name for name in settings if name not in SETTINGS]:  # of strategies that are no longer chosen
            kind, _, owners = declared()[name]
            if name not in chosen and settings.get(kind, getattr(old, kind)) not in owners:
                del settings[name]
        return settings

    def joined(self, corpus: Corpus) -> Corpus:
        """The corpus in the vocabulary of the model and of its own characters."""
        own = self.model.vocabulary.characters
        if self.model.vocabulary.documents:
            own = own[1:]  # the boundary is in a list's vocabulary, and in no text
        return in_vocabulary(corpus, Vocabulary(own + corpus.vocabulary.characters, corpus.vocabulary.documents))

    def counted(self, vocabulary: Vocabulary, mix_old: float) -> Experts | None:
        """The counts of the model, as a run over a vocabulary takes them along; None if it has none.

        With mix_old none are taken along: the run counts the old text itself, to hold out what it learns from.
        """
        return None if mix_old or not self.model.experts else self.model.experts.taken_along(vocabulary.characters)

    def begin(self, trainer: Trainer, vocabulary: Vocabulary) -> None:
        """Give a new trainer the parameters of the model, in the trainer's precision.

        Raises
        ------
        ConfigError
            The network has counts that the model lacks.
        """
        names = () if trainer.experts is None else trainer.experts.names
        known = () if self.model.experts is None else self.model.experts.names
        sources = came_from(names, known) if known else []
        if -1 in sources:
            raise ConfigError(
                f"the model '{self.path}' has counts of {' and '.join(alone(known))}, and this text needs counts of "
                f"{' and '.join(alone(names))}: leave out --mix-old, or train without --init-from"
            )
        own = self.model.vocabulary.characters
        new = len(self.new(vocabulary))
        bias = 0.0
        if new:  # experts know how likely each is
            bias = self.new_bias(new) if trainer.experts is None else float(self.model.params["readout.bias"].mean())
        params = grown(self.model.network, self.model.params, own, trainer.model, vocabulary.characters, bias, sources)
        trainer.params.vector[...] = params.vector

    @blas_threads(1)
    def new_bias(self, new: int) -> float:
        """Where the readout's bias of `new` characters begins: each as likely as one that was seen once."""
        model = self.model
        seen = model.provenance.get("splits", {}).get("train") or math.inf
        share = min(1 / seen, MOST_MASS / new) if seen < math.inf else MOST_MASS / new
        texts = model.generate_many(PROBE_SAMPLES, length=PROBE_LENGTH, seed=0)
        boundaries = model.vocabulary.documents
        ids = model.vocabulary.encode_documents(texts) if boundaries else model.vocabulary.encode("".join(texts))
        inverse = []
        for _, ws in windows(model.network, model.params, ids):
            logits = ws.readout.flat_logits.astype(np.float64)
            largest = logits.max(axis=1)
            inverse.append(-largest - np.log(np.exp(logits - largest[:, None]).sum(axis=1)))  # log 1 / Z
        log_inverse = np.concatenate(inverse)
        largest = log_inverse.max()
        return float(math.log(share) - (largest + math.log(np.exp(log_inverse - largest).mean())))  # [growth.3]

    def remembered(self) -> list[dict[str, Any]]:
        """The model and those that it came from, the latest first, as the model file of the run names them."""
        about = self.model.provenance
        facts: dict[str, Any] = {
            name: about[name] for name in ("text", "text_sha256", "step", "val_nats_per_char") if name in about
        }
        vocabulary = self.model.vocabulary
        kinds = {"documents": vocabulary.documents, "labels": len(vocabulary.label_ids) > 0}
        facts |= {name: True for name, holds in kinds.items() if holds}  # which say what the loss is the mean of
        place = self.path.resolve()
        name = place.parent.name if place.name == MODEL_FILE else place.name
        return [{"name": name, "sha256": self.sha256, **facts}, *about.get("parents", ())][:MOST_PARENTS]

    def new(self, vocabulary: Vocabulary) -> str:
        """The characters of a vocabulary that the model lacks."""
        own = set(self.model.vocabulary.characters)
        return "".join(character for character in vocabulary.characters if character not in own)

    def remarks(self, corpus: Corpus, mix_old: float) -> list[str]:
        """What to say of the start."""
        new = self.new(corpus.vocabulary)
        labels = len(corpus.vocabulary.label_ids)
        new = new[: len(new) - labels].lstrip(BOUNDARY)  # labels are the last, and all new
        words = f"starts from {self.path}: {self.model!r}; "
        words += f"{len(new)} new character{'' if len(new) == 1 else 's'}" + (f": {new[:40]!r}" if new else "")
        words += f"; {labels} labels" if labels else ""
        if self.model.experts and not mix_old:
            words += "; its counts go along, beside those of this text alone"
        return [words]


def set_rates(trainer: Trainer, vocabulary: Vocabulary, new: str) -> None:
    """Set how fast each parameter learns: nothing in frozen layers, and fast what belongs to `new` characters."""
    assert trainer.rates is not None
    rates, axes = Parameters(trainer.params.layout, trainer.rates), id_axes(trainer.model)
    is_new = np.array([character in set(new) for character in vocabulary.characters], bool)
    for layer in trainer.model.layers[: trainer.config.freeze_layers]:
        for name in layer.layout:
            rates[name][...] = 0.0
    for name, array in rates.items():
        if name in axes and not name.startswith("mixture."):
            np.moveaxis(array, axes[name], 0)[is_new] = NEW_RATE


def in_vocabulary(corpus: Corpus, vocabulary: Vocabulary) -> Corpus:
    """A corpus in a vocabulary that has all of its characters."""
    if vocabulary == corpus.vocabulary:
        return corpus
    table = places(corpus.vocabulary.characters, vocabulary.characters)
    if (table < 0).any():
        raise RunError(f"{corpus.name} has characters that the run's vocabulary lacks")
    table = table.astype(vocabulary.id_dtype)
    old: Any = corpus.ids
    ids = cast(Array, old.recoded(table)) if isinstance(old, MappedIds) else table[old]
    return replace(corpus, ids=ids, vocabulary=vocabulary)
