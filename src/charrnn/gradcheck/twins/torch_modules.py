"""The networks that PyTorch has modules for. A cell that it has one for is one line in MODULES."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.runs.model_file import to_torch

MODULES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}  # cell → its class in torch.nn


class TorchModule:
    """A module of `torch.nn`, and `nn.Linear`, in float64."""

    def __init__(self, model: CharModel, params: Parameters) -> None:
        import torch

        config = model.config
        self.torch: Any = torch
        self.vocab_size = config.vocab_size
        kind = getattr(torch.nn, MODULES[config.cell])
        self.recurrent = kind(config.vocab_size, config.hidden_size, config.num_layers)
        self.readout = torch.nn.Linear(config.hidden_size, config.vocab_size)
        self.network = torch.nn.ModuleDict({"recurrent": self.recurrent, "readout": self.readout}).double()
        arrays = {name: torch.from_numpy(np.array(array, order="C")) for name, array in to_torch(params).items()}
        self.network.load_state_dict(arrays)
        # The second bias where we train one: it is only ever added to the first, and stays at zero.
        self.fixed = [name for name in arrays if name not in params]

    def parameters(self) -> dict[str, Any]:
        return {name: p for name, p in self.network.named_parameters() if name not in self.fixed}

    def loss(self, inputs: Array, targets: Array, states: list[Any]) -> tuple[Any, list[Any]]:
        functional = self.torch.nn.functional
        one_hot = functional.one_hot(self.torch.from_numpy(inputs.astype(np.int64)), self.vocab_size).double()
        outputs, final = self.recurrent(one_hot, tuple(states) if len(states) > 1 else states[0])
        logits = self.readout(outputs).reshape(-1, self.vocab_size)
        loss = functional.cross_entropy(logits, self.torch.from_numpy(targets.astype(np.int64)).reshape(-1))
        return loss, list(final) if len(states) > 1 else [final]
