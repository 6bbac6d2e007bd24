"""Every gradient of every cell against every method, on the code that trains."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.errors import ConfigError
from charrnn.gradcheck import METHODS, available, gradcheck
from charrnn.gradcheck.check import REFERENCE_TOLERANCE
from charrnn.gradcheck.complex_step import compare_with_complex_step
from charrnn.gradcheck.finite_difference import compare_with_finite_differences
from charrnn.gradcheck.trajectory import STEPS, TRAJECTORY_TOLERANCE, follow_torch
from charrnn.gradcheck.twins import TWINS
from charrnn.gradcheck.twins.torch_modules import MODULES
from tests.networks import EVERY_CELL, H, V, small_case

needs_torch = pytest.mark.skipif("torch" not in available(), reason="PyTorch is the oracle: pip install torch==2.13.0")
method_params = [pytest.param(name, marks=needs_torch if name == "torch" else ()) for name in METHODS]


@pytest.mark.parametrize("method", method_params)
@pytest.mark.parametrize("num_experts", [0, 1, 3])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_small_networks(cell: str, num_layers: int, num_experts: int, method: str) -> None:
    results = list(gradcheck([cell], [method], [num_layers], [num_experts], hidden_size=9, seq_len=11, batch_size=4))
    compared = method != "torch" or cell in TWINS
    layout = small_case(cell, num_layers, num_experts=num_experts).model.layout
    assert {r.parameter for r in results} >= ({"initial_state", *layout} if compared else set())
    assert bool(results) == compared
    assert [r for r in results if not r.passed] == []


@needs_torch
@pytest.mark.parametrize("cell", sorted(TWINS))
def test_the_reference_setting_equals_pytorch_to_the_last_digit(cell: str) -> None:
    results = list(gradcheck([cell], ["torch"], [1], [0]))
    assert max(r.relative_error for r in results if "steps" not in r.parameter) <= REFERENCE_TOLERANCE


@pytest.mark.parametrize("num_experts", [0, 2])
@pytest.mark.parametrize("num_layers", [2, 3])
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_with_dropout(cell: str, num_layers: int, num_experts: int) -> None:
    case = small_case(cell, num_layers, 0.4, num_experts)
    assert max(error for _, error in compare_with_complex_step(case)) < METHODS["complex-step"].tolerance
    assert max(error for _, error in compare_with_finite_differences(case)) < METHODS["finite-difference"].tolerance


@needs_torch
@pytest.mark.parametrize("cell", sorted(MODULES))
def test_dropout_with_the_same_masks_in_pytorch(cell: str) -> None:
    """Single layers of PyTorch, one above the other, with our masks between them."""
    import torch

    from charrnn.runs.model_file import to_torch

    case = small_case(cell, 3, dropout=0.4)
    ws = case.workspace()
    ours = case.gradients(ws)
    arrays = {name: torch.from_numpy(np.array(a, order="C")) for name, a in to_torch(case.params).items()}
    x = torch.nn.functional.one_hot(torch.from_numpy(case.inputs), V).double()
    layers = []
    for k in range(3):
        layer = getattr(torch.nn, MODULES[cell])(x.shape[2], H).double()
        suffix = f"_l{k}"
        named = {n.removeprefix("recurrent."): a for n, a in arrays.items() if n.endswith(suffix)}
        layer.load_state_dict({n.removesuffix(suffix) + "_l0": a for n, a in named.items()})
        states = tuple(torch.from_numpy(case.state[k, s : s + 1].copy()) for s in range(case.state.shape[1]))
        x, _ = layer(x, states if len(states) > 1 else states[0])
        if k < 2:
            above = ws.layers[k + 1]
            x = x * torch.from_numpy(getattr(above, "inputs", above).dropout.mask)
        layers.append(layer)
    logits = x @ arrays["readout.weight"].T + arrays["readout.bias"]
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), torch.from_numpy(case.targets.ravel()))
    loss.backward()
    assert ours.loss == pytest.approx(loss.item(), rel=1e-14)
    for k, layer in enumerate(layers):
        for name in ("weight_ih", "weight_hh", "bias_ih"):
            expected = getattr(layer, f"{name}_l0").grad.numpy()
            np.testing.assert_allclose(ours.grads[f"recurrent.{name}_l{k}"], expected, rtol=1e-11, atol=1e-16)


@needs_torch
@pytest.mark.parametrize("cell", sorted(TWINS))
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("num_experts", [0, 2])
def test_thirty_steps_of_training_follow_pytorch(cell: str, num_layers: int, num_experts: int) -> None:
    path = follow_torch(cell, num_layers, hidden_size=20, num_experts=num_experts)
    assert path.losses <= TRAJECTORY_TOLERANCE
    assert path.parameters <= TRAJECTORY_TOLERANCE
    assert path.clipped_steps == STEPS


def test_unknown_cells_and_methods_are_named() -> None:
    with pytest.raises(ConfigError, match="cell 'ltsm' is not known: did you mean 'lstm'"):
        list(gradcheck(["ltsm"]))
    with pytest.raises(ConfigError, match="method 'tourch' is not known: did you mean 'torch'"):
        list(gradcheck(["rnn"], ["tourch"]))
