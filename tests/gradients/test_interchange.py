"""Weights to PyTorch and back, by name, through the model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.config import ModelConfig
from charrnn.gradcheck import available
from charrnn.gradcheck.twins.torch_modules import MODULES
from charrnn.language_model import LanguageModel
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.randomness import stream
from charrnn.text.vocabulary import Vocabulary

CHARACTERS = "\n abcdefg"
TEXT = "abc dea\ngfab bad\n" * 3


@pytest.mark.skipif("torch" not in available(), reason="PyTorch is the other side: pip install torch==2.13.0")
class TestWithPyTorch:
    @pytest.mark.parametrize("num_layers", [1, 3])
    @pytest.mark.parametrize("cell", sorted(MODULES))
    def test_a_saved_model_loads_into_pytorchs_modules(self, cell: str, num_layers: int, tmp_path: Path) -> None:
        import torch
        from safetensors.torch import load_file

        network = CharModel(ModelConfig(len(CHARACTERS), cell, 12, num_layers))
        params = network.init_parameters(stream(0, "initialisation"), np.float64)
        params.vector += np.random.default_rng(0).normal(0, 0.1, params.vector.shape)
        model = LanguageModel(network, params, Vocabulary(CHARACTERS))
        model.save(tmp_path / "model.safetensors")

        arrays = load_file(tmp_path / "model.safetensors")
        recurrent = getattr(torch.nn, MODULES[cell])(len(CHARACTERS), 12, num_layers).double()
        recurrent.load_state_dict({k.removeprefix("recurrent."): a for k, a in arrays.items() if "recurrent." in k})
        readout = torch.nn.Linear(12, len(CHARACTERS)).double()
        readout.load_state_dict({k.removeprefix("readout."): a for k, a in arrays.items() if "readout." in k})

        ids = torch.from_numpy(model.vocabulary.encode(TEXT).astype(np.int64))
        one_hot = torch.nn.functional.one_hot(ids[:-1], len(CHARACTERS)).double()
        logits = readout(recurrent(one_hot)[0])
        nats = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")
        np.testing.assert_allclose(model.score(TEXT).per_char, nats.detach().numpy(), rtol=1e-12)

    @pytest.mark.parametrize("cell", sorted(MODULES))
    def test_a_model_trained_there_writes_and_scores_here(self, cell: str, tmp_path: Path) -> None:
        import torch

        torch.manual_seed(0)
        recurrent = getattr(torch.nn, MODULES[cell])(len(CHARACTERS), 10, 2)  # both biases are random
        readout = torch.nn.Linear(10, len(CHARACTERS))
        arrays = {f"recurrent.{k}": a.numpy() for k, a in recurrent.state_dict().items()}
        arrays |= {f"readout.{k}": a.numpy() for k, a in readout.state_dict().items()}
        model = LanguageModel.from_arrays(arrays, CHARACTERS, cell)

        ids = torch.from_numpy(model.vocabulary.encode(TEXT).astype(np.int64))
        logits = readout(recurrent(torch.nn.functional.one_hot(ids[:-1], len(CHARACTERS)).float())[0])
        nats = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")
        np.testing.assert_allclose(model.score(TEXT).per_char, nats.detach().numpy(), rtol=1e-4)
        assert len(model.generate("ab", 20, seed=1)) == 20
        model.save(tmp_path / "model.safetensors")
        np.testing.assert_array_equal(charrnn.load(tmp_path / "model.safetensors").params.vector, model.params.vector)


@pytest.mark.parametrize("cell", sorted(LAYERS))
def test_arrays_go_out_and_come_back(cell: str) -> None:
    network = CharModel(ModelConfig(len(CHARACTERS), cell, 6, 2))
    model = LanguageModel(network, network.init_parameters(stream(0, "initialisation")), Vocabulary(CHARACTERS))
    again = LanguageModel.from_arrays(model.arrays(), CHARACTERS, cell)
    np.testing.assert_array_equal(again.params.vector, model.params.vector)
    assert again.network.config == network.config


def test_arrays_that_do_not_fit_are_refused() -> None:
    network = CharModel(ModelConfig(len(CHARACTERS), "rnn", 6))
    model = LanguageModel(network, network.init_parameters(stream(0, "initialisation")), Vocabulary(CHARACTERS))
    arrays = model.arrays()
    with pytest.raises(charrnn.ConfigError, match="must be sorted"):
        LanguageModel.from_arrays(arrays, CHARACTERS[::-1])
    with pytest.raises(charrnn.RunError, match=r"cell 'lstm': array 'recurrent\.weight_ih_l0' has shape"):
        LanguageModel.from_arrays(arrays, CHARACTERS, "lstm")
    del arrays["recurrent.bias_ih_l0"]
    with pytest.raises(charrnn.RunError, match=r"'recurrent\.bias_ih_l0' is missing"):
        LanguageModel.from_arrays(arrays, CHARACTERS)
    with pytest.raises(charrnn.RunError, match=r"readout\.weight"):
        LanguageModel.from_arrays({}, CHARACTERS)


@pytest.mark.parametrize("cell", sorted(LAYERS))
@pytest.mark.parametrize("num_layers", [1, 3])
def test_arrays_make_the_same_model_again(cell: str, num_layers: int) -> None:
    network = CharModel(ModelConfig(len(CHARACTERS), cell, 12, num_layers))
    model = LanguageModel(network, network.init_parameters(np.random.default_rng(0)), Vocabulary(CHARACTERS))
    again = LanguageModel.from_arrays(model.arrays(), model.vocabulary.characters, cell)
    assert again.network.config == network.config
    np.testing.assert_array_equal(again.params.vector, model.params.vector)
    assert again.generate("a", length=30, seed=1) == model.generate("a", length=30, seed=1)
