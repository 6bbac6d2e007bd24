"""Gradients by PyTorch's autograd, from the twin of the network there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from charrnn.gradcheck.case import INITIAL_STATE, Case, relative_error
from charrnn.gradcheck.twins import TWINS


def compare_with_torch(case: Case) -> Iterator[tuple[str, float]]:
    """Yield the relative error of each array's gradient, of the initial state's, of the final state and of the loss."""
    twin = TWINS[case.model.config.cell](case.model, case.params)
    states = [twin.torch.tensor(case.state[:, k], requires_grad=True) for k in range(case.state.shape[1])]
    loss, finals = twin.loss(case.inputs, case.targets, states, case.log_q)
    loss.backward()
    ours = case.gradients()
    for name, parameter in twin.parameters().items():
        yield name, relative_error(ours.grads[name], parameter.grad.numpy())
    initial = np.stack([state.grad.numpy() for state in states], axis=1)
    yield INITIAL_STATE, relative_error(ours.initial_state_grad, initial)
    final = np.stack([state.detach().numpy() for state in finals], axis=1)
    yield "final_state", relative_error(ours.final_state, final)
    yield "loss", relative_error(np.array(ours.loss), np.array(loss.item()))
