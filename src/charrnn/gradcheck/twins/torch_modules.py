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
    """A module of `torch.nn`, and `nn.Linear`, in float64.

    Where a network reads what experts say above its lowest layer, that layer is a module of its own.
    """

    def __init__(self, model: CharModel, params: Parameters) -> None:
        import torch

        config = model.config
        V, H, L = config.vocab_size, config.hidden_size, config.num_layers
        self.torch: Any = torch
        self.vocab_size = V
        kind = getattr(torch.nn, MODULES[config.cell])
        self.starts = [0, 1] if "mixture.input_weight" in params else [0]  # the lowest layer of each module
        ends = [*self.starts[1:], L]
        self.modules = [kind(H if a else V, H, b - a) for a, b in zip(self.starts, ends, strict=True)]
        self.readout = torch.nn.Linear(H, V)
        arrays = {name: torch.from_numpy(np.array(array, order="C")) for name, array in to_torch(params).items()}
        self.mixture = {n: a.clone().requires_grad_() for n, a in arrays.items() if n.startswith("mixture.")}
        found = {f"readout.{name}": p for name, p in self.readout.named_parameters()} | self.mixture
        for start, module in zip(self.starts, self.modules, strict=True):
            for name, p in module.named_parameters():
                stem, _, layer = name.rpartition("_l")
                found[f"recurrent.{stem}_l{int(layer) + start}"] = p
        assert found.keys() == arrays.keys()
        for network in (*self.modules, self.readout):
            network.double()
        with torch.no_grad():
            for name, p in found.items():
                assert p.shape == arrays[name].shape
                p.copy_(arrays[name])
        # Without the second bias where we train one: it is only ever added to the first, and stays at zero.
        self.trained = {name: found[name] for name in params}

    def parameters(self) -> dict[str, Any]:
        return dict(self.trained)

    def loss(
        self, inputs: Array, targets: Array, states: list[Any], log_q: Array | None = None
    ) -> tuple[Any, list[Any]]:
        torch, V = self.torch, self.vocab_size
        x = torch.nn.functional.one_hot(torch.from_numpy(inputs.astype(np.int64)), V).double()
        says = torch.from_numpy(np.zeros((0, *inputs.shape, V)) if log_q is None else np.array(log_q))
        finals = []
        for start, module in zip(self.starts, self.modules, strict=True):
            if start:
                x = x + torch.cat(list(says.exp().sqrt()), dim=2) @ self.mixture["mixture.input_weight"].t()
            before = tuple(state[start : start + module.num_layers].contiguous() for state in states)
            x, after = module(x, before if len(states) > 1 else before[0])
            finals.append(after if len(states) > 1 else (after,))
        logits = self.readout(x)
        for s, expert in enumerate(says):
            gate = x @ self.mixture["mixture.gate_weight"][s] + self.mixture["mixture.gate_bias"][s]
            logits = logits + gate[..., None] * expert
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, V), torch.from_numpy(targets.astype(np.int64)).reshape(-1)
        )
        return loss, [torch.cat(parts) for parts in zip(*finals, strict=True)]
