"""A trained model and its vocabulary, with which a user generates, scores and evaluates texts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.errors import ConfigError, RunError
from charrnn.generation import TextState, Writer, WritesTexts, make_sampling
from charrnn.ngrams import Experts, Reader, make_reader
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.runs.model_file import MODEL_FILE, ModelFile, from_torch, read_model, to_torch, write_model
from charrnn.scoring import Classification, ScoresTexts
from charrnn.settings import check_path, check_value
from charrnn.text.labels import symbol
from charrnn.text.vocabulary import BOUNDARY, Vocabulary
from charrnn.threads import blas_threads


class LanguageModel(WritesTexts, ScoresTexts):
    """A character language model that writes and scores text. Get one with `charrnn.load` or from a run."""

    def __init__(
        self,
        network: CharModel,
        params: Parameters,
        vocabulary: Vocabulary,
        provenance: dict[str, Any] | None = None,
        experts: Experts | None = None,
    ) -> None:
        self.network, self.params, self.vocabulary, self.experts = network, params, vocabulary, experts
        self.provenance = provenance or {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], characters: str, cell: str = "rnn") -> LanguageModel:
        """A model from arrays under PyTorch's names, such as a state dict trained there.

        Parameters
        ----------
        arrays : mapping of str to array
            `recurrent.weight_ih_l0` and so on, as in `nn.RNN`, `nn.LSTM` or `nn.GRU`, and `readout.weight`,
            `readout.bias`, as in `nn.Linear`; all float32 or all float64.
        characters : str
            The vocabulary: the character of each id, in order; it must be sorted.
        cell : str
            The name of the cell; sizes and layers follow from the arrays.
        """
        vocabulary = Vocabulary(check_value("characters", characters, "str"), characters.startswith(BOUNDARY))
        check_value("cell", cell, "str")
        if not isinstance(arrays, Mapping) or not all(isinstance(name, str) for name in arrays):
            raise ConfigError("arrays must be a mapping of names to arrays, such as a state dict")
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        if vocabulary.characters != characters:
            raise ConfigError("the characters of a vocabulary must be sorted and distinct: ids are their ranks")
        layers = len({name.rsplit("_l", 1)[1] for name in arrays if name.startswith("recurrent.weight_")})
        try:
            hidden_size = arrays["readout.weight"].shape[1]
            network = CharModel(ModelConfig(len(vocabulary), cell, hidden_size, layers, documents=vocabulary.documents))
            return cls(network, from_torch(arrays, network), vocabulary)
        except (KeyError, ValueError, IndexError) as error:
            raise RunError(f"the arrays do not make a model with cell '{cell}': {error}") from None

    def arrays(self) -> dict[str, Array]:
        """Copies of all arrays under PyTorch's names and in its shapes, as in the model file."""
        return {name: np.array(array, order="C") for name, array in to_torch(self.params).items()}

    def __repr__(self) -> str:
        c, chains = self.network.config, " and ".join(self.experts.names) if self.experts else ""
        return (
            f"<LanguageModel: {c.num_layers} × {c.hidden_size} {c.cell}, "
            f"{c.vocab_size} {'symbols' if c.documents else 'characters'}, "  # the boundary is no character
            f"{len(self.params.vector):,} parameters{f', counts of {chains}' if chains else ''}>"
        )

    def start(self, prompt: str = "", on_unknown: str = "error", label: str | None = None) -> TextState:
        """A text that grows a step at a time, after a prompt: `next_probs()`, `feed("a")`, `copy()`."""
        with blas_threads(1):
            ids = self.prompt_ids(prompt, on_unknown, label)
            writer = Writer(self.network, self.params, ids, make_sampling({}), experts=self.experts)
            return TextState(writer, self.vocabulary)

    def reader(self, lanes: int) -> Reader | None:
        """What the network's experts say along several texts that grow; None if it has no experts."""
        if self.experts is None:
            return None
        return make_reader(self.experts, lanes, self.params.vector.dtype, self.network.kernels)

    def save(self, path: str | Path) -> None:
        """Write the model into one file, which `charrnn.load` and PyTorch can read.

        A path that ends in .npz makes a file of plain arrays, as `charrnn export --to npz` does.
        """
        contents = ModelFile(self.network, self.params, self.vocabulary, self.provenance, self.experts)
        write_model(check_path("path", path), contents)

    def default_prompt(self) -> str:
        """The character that a text without a prompt continues: a line end, else a space, else the first character.

        It is "" for a model of documents: they begin at the boundary, which is not a character.
        """
        if self.vocabulary.documents:
            return ""
        return next((c for c in "\n " if c in self.vocabulary), self.vocabulary.characters[0])

    def prompt_ids(self, prompt: str, on_unknown: str = "error", label: str | None = None) -> Array:
        """The ids that a text follows: those of the prompt, or of the default prompt if none of it is known.

        With labels, that of the document comes first: the one that is named, or the likeliest before the prompt.
        """
        ids = self.vocabulary.encode(check_value("prompt", prompt, "str"), on_unknown)
        if label is not None:
            check_value("label", label, "str")
            begin = self.vocabulary.encode_documents([""], symbols=[symbol(self.labels, label)])[:-1]
            return np.concatenate([begin, ids])
        if self.labels and len(ids):
            (nats,) = self.nats_by_label([prompt], on_unknown, ended=False)
            return self.prompt_ids(prompt, on_unknown, Classification.of(nats.sum(axis=1), self.labels).label)
        if self.vocabulary.documents:
            return np.concatenate([self.vocabulary.encode_documents([]), ids])
        return ids if len(ids) else self.vocabulary.encode(self.default_prompt())


def load(run: str | Path) -> LanguageModel:
    """The model of a run folder, or of a model file.

    Raises
    ------
    RunError
        There is no such model, or its file is damaged.
    """
    path = check_path("run", run)
    if os.path.isdir(path):  # False, too, for names that no file can have
        path = path / MODEL_FILE
    if not os.path.exists(path):
        raise RunError(f"there is no model at '{path}'")
    return LanguageModel(*read_model(path))
