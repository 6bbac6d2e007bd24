"""Gradients by PyTorch's autograd, from the twin of the network there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from charrnn.gradcheck.case import INITIAL_STATE, Case, relative_error
from charrnn.gradcheck.twins import TWINS, Twin


def compare_with_torch(case: Case) -> Iterator[tuple[str, float]]:
    """Yield the relative error of each array's gradient, of the initial state's, of the final state and of the loss."""
    twin = TWINS[case.model.config.cell](case.model, case.params)
    states = [twin.torch.tensor(case.state[:, k], requires_grad=True) for k in range(case.state.shape[1])]
    loss, finals = _stretches(twin, case, states)
    loss.backward()
    ours = case.gradients()
    for name, parameter in twin.parameters().items():
        yield name, relative_error(ours.grads[name], parameter.grad.numpy())
    initial = np.stack([state.grad.numpy() for state in states], axis=1)
    yield INITIAL_STATE, relative_error(ours.initial_state_grad, initial)
    final = np.stack([state.detach().numpy() for state in finals], axis=1)
    yield "final_state", relative_error(ours.final_state, final)
    yield "loss", relative_error(np.array(ours.loss), np.array(loss.item()))


def _stretches(twin: Twin, case: Case, states: list[Any]) -> tuple[Any, list[Any]]:
    """The loss of the window, and the states after it: from boundary to boundary, with states zeroed between."""
    T, total = len(case.inputs), 0.0  # type: int, Any
    cuts = [] if case.fresh is None else np.flatnonzero(case.fresh.any(axis=1)).tolist()
    for start, stop in itertools.pairwise(sorted({0, *cuts, T})):
        if case.fresh is not None:
            keep = twin.torch.from_numpy(~case.fresh[start])[:, None]
            states = [state * keep for state in states]
        log_q = None if case.log_q is None else case.log_q[:, start:stop]
        loss, states = twin.loss(case.inputs[start:stop], case.targets[start:stop], states, log_q)
        total = total + loss * ((stop - start) / T)
    return total, states
