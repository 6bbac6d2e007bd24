"""Every gradient against PyTorch's autograd, in float64, with the weights copied by name."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.checkpoint.model_file import to_torch
from tests.networks import EVERY_CELL, H, V, make_case

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here: pip install torch==2.13.0")
KINDS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


@pytest.mark.parametrize("cell", [cell for cell in EVERY_CELL if cell in KINDS])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_loss_states_and_every_gradient_equal_autograds(cell: str, num_layers: int) -> None:
    case = make_case(cell, num_layers)
    loss, grads, state, d_state = case.loss_and_grads()
    network = KINDS[cell](V, H, num_layers).double()
    readout = torch.nn.Linear(H, V).double()
    arrays = {name: torch.tensor(np.ascontiguousarray(a)) for name, a in to_torch(case.params).items()}
    network.load_state_dict({k.removeprefix("recurrent."): a for k, a in arrays.items() if k.startswith("recurrent.")})
    readout.load_state_dict({k.removeprefix("readout."): a for k, a in arrays.items() if k.startswith("readout.")})
    states = [torch.tensor(case.state[:, k], requires_grad=True) for k in range(case.state.shape[1])]
    one_hot = torch.nn.functional.one_hot(torch.tensor(case.inputs), V).double()
    outputs, final = network(one_hot, tuple(states) if len(states) > 1 else states[0])
    logits = readout(outputs).reshape(-1, V)
    expected_loss = torch.nn.functional.cross_entropy(logits, torch.tensor(case.targets).reshape(-1))
    expected_loss.backward()

    assert loss == pytest.approx(expected_loss.item(), rel=1e-14)
    expected = {f"recurrent.{name}": p.grad.numpy() for name, p in network.named_parameters()}
    expected |= {f"readout.{name}": p.grad.numpy() for name, p in readout.named_parameters()}
    for name in grads:
        assert relative_error(grads[name], expected[name]) < 5e-15, name
    for k, (ours, theirs) in enumerate(
        zip(np.moveaxis(state, 1, 0), [final] if len(states) == 1 else final, strict=True)
    ):
        assert relative_error(ours, theirs.detach().numpy()) < 5e-15, k
        assert relative_error(d_state[:, k], states[k].grad.numpy()) < 5e-15, k


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b)))
