"""The quasi-recurrent network for PyTorch's autograd, from plain tensors: PyTorch has no module for it.

Written step by step as in the paper, without tables or products over the window, so that it shares nothing with
the code it checks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.nn.rms_norm import EPS


class TorchQRNN:
    """The network in float64, with the weights copied by name."""

    def __init__(self, model: CharModel, params: Parameters) -> None:
        import torch

        self.torch: Any = torch
        self.config = model.config
        self.arrays = {name: torch.tensor(np.array(a, order="C"), requires_grad=True) for name, a in params.items()}

    def parameters(self) -> dict[str, Any]:
        return dict(self.arrays)

    def loss(
        self, inputs: Array, targets: Array, states: list[Any], log_q: Array | None = None
    ) -> tuple[Any, list[Any]]:
        torch, p = self.torch, self.arrays
        cells, before = ([s[k] for k in range(self.config.num_layers)] for s in states)
        total: Any = 0.0
        # (T, S, B, V); without experts, S is 0
        says = torch.from_numpy(np.zeros((len(inputs), 0)) if log_q is None else log_q.swapaxes(0, 1).copy())
        for ids, following, experts in zip(inputs.astype(np.int64), targets.astype(np.int64), says, strict=True):
            x = p["recurrent.embedding"].t()[torch.from_numpy(ids)]  # (B, H)
            for k in range(self.config.num_layers):
                u = self._norm(x, p[f"recurrent.norm_l{k}"])
                a = torch.cat([before[k], u], dim=1) @ p[f"recurrent.weight_l{k}"].t() + p[f"recurrent.bias_l{k}"]
                z, f, o = a.chunk(3, dim=1)
                f, before[k] = torch.sigmoid(f), u
                cells[k] = f * cells[k] + (1 - f) * torch.tanh(z)
                x = x + torch.sigmoid(o) * cells[k]
                if k == 0 and len(experts):
                    x = x + torch.cat([q.exp().sqrt() for q in experts], dim=1) @ p["mixture.input_weight"].t()
            h = self._norm(x, p["readout.norm"])
            logits = h @ p["readout.weight"].t() + p["readout.bias"]
            for s, expert in enumerate(experts):
                logits = logits + (h @ p["mixture.gate_weight"][s] + p["mixture.gate_bias"][s])[:, None] * expert
            total = total + torch.nn.functional.cross_entropy(logits, torch.from_numpy(following))
        return total / len(inputs), [torch.stack(cells), torch.stack(before)]

    def _norm(self, x: Any, scale: Any) -> Any:
        return x / self.torch.sqrt((x * x).mean(dim=1, keepdim=True) + EPS) * scale
