"""The same network in PyTorch, by its own modules, with the weights copied by name; and its gradients by autograd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.gradcheck.case import INITIAL_STATE, Case, relative_error
from charrnn.gradcheck.twins.qrnn import TorchQRNN
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.runs.model_file import to_torch

MODULES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
TWINS = (*MODULES, "qrnn")  # the cells that there is a network in PyTorch for


class TorchTwin:
    """`nn.RNN`, `nn.LSTM` or `nn.GRU`, and `nn.Linear`, in float64."""

    def __init__(self, model: CharModel, params: Parameters) -> None:
        import torch

        config = model.config
        self.torch = torch
        self.vocab_size = config.vocab_size
        kind = getattr(torch.nn, MODULES[config.cell])
        self.recurrent = kind(config.vocab_size, config.hidden_size, config.num_layers).double()
        self.readout = torch.nn.Linear(config.hidden_size, config.vocab_size).double()
        arrays = {name: torch.from_numpy(np.array(array, order="C")) for name, array in to_torch(params).items()}
        for room, module in (("recurrent.", self.recurrent), ("readout.", self.readout)):
            module.load_state_dict({n.removeprefix(room): a for n, a in arrays.items() if n.startswith(room)})
        # The second bias where we train one: it is only ever added to the first, and stays at zero.
        self.fixed = [name for name in arrays if name not in params]

    def parameters(self) -> dict[str, Any]:
        """The trained parameters under our names."""
        rooms = (("recurrent.", self.recurrent), ("readout.", self.readout))
        named = {room + name: p for room, module in rooms for name, p in module.named_parameters()}
        return {name: p for name, p in named.items() if name not in self.fixed}

    def loss(self, inputs: Array, targets: Array, states: list[Any]) -> tuple[Any, list[Any]]:
        """The mean cross-entropy of a window, and the states after it."""
        functional = self.torch.nn.functional
        one_hot = functional.one_hot(self.torch.from_numpy(inputs.astype(np.int64)), self.vocab_size).double()
        outputs, final = self.recurrent(one_hot, tuple(states) if len(states) > 1 else states[0])
        logits = self.readout(outputs).reshape(-1, self.vocab_size)
        loss = functional.cross_entropy(logits, self.torch.from_numpy(targets.astype(np.int64)).reshape(-1))
        return loss, list(final) if len(states) > 1 else [final]


def torch_twin(model: CharModel, params: Parameters) -> TorchTwin | TorchQRNN:
    """The same network in PyTorch: of its modules where it has one, else of plain tensors."""
    return (TorchTwin if model.config.cell in MODULES else TorchQRNN)(model, params)


def compare_with_torch(case: Case) -> Iterator[tuple[str, float]]:
    """The relative error of each array's gradient, of the initial state's, of the final state and of the loss."""
    twin = torch_twin(case.model, case.params)
    states = [twin.torch.tensor(case.state[:, k], requires_grad=True) for k in range(case.state.shape[1])]
    loss, finals = twin.loss(case.inputs, case.targets, states)
    loss.backward()
    ours = case.gradients()
    for name, parameter in twin.parameters().items():
        yield name, relative_error(ours.grads[name], parameter.grad.numpy())
    initial = np.stack([state.grad.numpy() for state in states], axis=1)
    yield INITIAL_STATE, relative_error(ours.initial_state_grad, initial)
    final = np.stack([state.detach().numpy() for state in finals], axis=1)
    yield "final_state", relative_error(ours.final_state, final)
    yield "loss", relative_error(np.array(ours.loss), np.array(loss.item()))
