"""Networks with experts: they equal their specification, begin at the experts' mean, and refuse what does not fit."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.config import ModelConfig, make_config
from charrnn.errors import ConfigError, RunError
from charrnn.gradcheck.case import Case, make_case, random_log_q, relative_error
from charrnn.ngrams import Experts
from charrnn.nn import mixture
from charrnn.nn.kernels import Kernels
from charrnn.nn.model import CharModel
from charrnn.runs.files import read_arrays, write_arrays
from charrnn.runs.model_file import ModelFile, read_model, write_model
from charrnn.text.vocabulary import Vocabulary
from charrnn.training import memory
from tests.networks import EVERY_CELL, B, H, T, V, float_arrays, small_case
from tests.reference import specification
from tests.reference.mixture import expert_inputs, mixed_logits

STEP = 1e-100  # of complex-step derivatives
every_network = pytest.mark.parametrize(("cell", "num_layers"), [(c, n) for c in EVERY_CELL for n in (1, 2, 3)])


def specified_logits(case: Case, p: dict[str, np.ndarray]) -> np.ndarray:
    """The logits (T, B, V) of a small network with experts, from the specifications of its parts alone."""
    x = np.eye(V)[case.inputs]
    for k in range(case.model.config.num_layers):
        suffix = f"_l{k}"
        names = {n: n.removeprefix("recurrent.").removesuffix(suffix) for n in case.model.layers[k].layout}
        x, _ = specification(case.model.config.cell)({short: p[n] for n, short in names.items()}, x, case.state[k])
        if k == 0 and "mixture.input_weight" in p:
            x = expert_inputs(p["mixture.input_weight"], x, case.log_q)
    if "readout.norm" in p:
        x = x / np.sqrt((x**2).mean(axis=2, keepdims=True) + 1e-6) * p["readout.norm"]
    return mixed_logits(p, x, case.log_q)


@every_network
def test_logits_equal_the_specification(cell: str, num_layers: int) -> None:
    case = small_case(cell, num_layers, num_experts=2)
    logits, _ = case.model.forward(case.params, case.inputs, case.state, case.workspace(), log_q=case.log_q)
    np.testing.assert_allclose(logits, specified_logits(case, dict(case.params)), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rows", [1, 2, T * B - 1, T * B])
def test_logits_are_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(mixture, "BLOCK", rows * V)
    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")  # whose code works in blocks
    case = small_case("qrnn", 2, num_experts=2)
    ws = case.workspace()
    assert ws.readout.gates is not None
    assert len(ws.readout.gates.weighted) == rows
    logits, _ = case.model.forward(case.params, case.inputs, case.state, ws, log_q=case.log_q)
    np.testing.assert_allclose(logits, specified_logits(case, dict(case.params)), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kernels", ["numpy", "auto"])
def test_a_step_does_not_hold_on_to_what_experts_said(kernels: str) -> None:
    case = small_case("qrnn", 2, num_experts=2, kernels=kernels)
    assert case.log_q is not None
    said = weakref.ref(log_q := case.log_q.copy())
    ws, grads = case.model.workspace(*case.inputs.shape, np.float64), case.params.zeros_like()
    case.model.loss_and_grads(case.params, case.inputs, case.targets, case.state, ws, grads, log_q=log_q)
    del log_q
    assert said() is None  # the next window's is made before a step would replace it


@pytest.mark.parametrize(("cell", "num_layers", "inputs"), [("qrnn", 1, 3), ("lstm", 2, 3), ("lstm", 1, 0)])
def test_a_large_vocabulary_costs_what_experts_say_once(cell: str, num_layers: int, inputs: int) -> None:
    """The workspace grows by φ (T·B, S·V), and beyond that by nothing of the length of T·B·V."""
    steps, lanes, vocab_size = 20, 10, 4000
    plain, knowing = (
        sum(array.size for array in float_arrays(CharModel(config, Kernels("numpy")).workspace(steps, lanes)))
        for config in (ModelConfig(vocab_size, cell, H, num_layers, num_experts=n) for n in (0, 3))
    )
    more = knowing - plain - steps * lanes * vocab_size * inputs
    assert 0 < more < steps * lanes * vocab_size / 10


@every_network
def test_gradients_equal_the_complex_step_derivatives_of_the_specification(cell: str, num_layers: int) -> None:
    case, rng = small_case(cell, num_layers, num_experts=2), np.random.default_rng(4)
    for name, gradient in case.gradients().grads.items():
        along = rng.normal(size=gradient.shape)
        shifted = {**case.params, name: case.params[name] + 1j * STEP * along}
        logits = specified_logits(case, shifted)
        logits -= np.log(np.exp(logits).sum(axis=2, keepdims=True))
        loss = -np.take_along_axis(logits, case.targets[..., None].astype(int), axis=2).mean()
        assert relative_error(np.vdot(gradient, along), loss.imag / STEP) < 1e-12, name


@every_network
def test_where_experts_are_read(cell: str, num_layers: int) -> None:
    """Above the lowest layer, unless that is the only one and no stream; the gates last."""
    plain, case = small_case(cell, num_layers), small_case(cell, num_layers, num_experts=2)
    added = {name: shape for name, shape in case.model.layout.items() if name not in plain.model.layout}
    expected = {"mixture.gate_weight": (2, H), "mixture.gate_bias": (2,)}
    if num_layers > 1 or case.model.layers[0].residual:
        expected["mixture.input_weight"] = (H, 2 * V)
    assert added == expected
    assert list(case.model.layout)[: len(plain.model.layout)] == list(plain.model.layout)


@every_network
def test_a_fresh_network_with_a_silent_readout_is_the_geometric_mean_of_its_experts(cell: str, num_layers: int) -> None:
    case = small_case(cell, num_layers, num_experts=3)
    params = case.model.init_parameters(np.random.default_rng(0), np.float64)
    params["readout.weight"][...] = params["readout.bias"][...] = 0.0
    logits, _ = case.model.forward(params, case.inputs, case.state, case.workspace(), log_q=case.log_q)
    np.testing.assert_allclose(logits, case.log_q.mean(axis=0), rtol=1e-12)


def test_the_arrays_of_a_plain_network_do_not_depend_on_experts() -> None:
    plain, knowing = (CharModel(ModelConfig(V, "qrnn", H, 2, num_experts=n)) for n in (0, 2))
    one, two = (model.init_parameters(np.random.default_rng(0)) for model in (plain, knowing))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_probabilities_sum_to_one_in_float32() -> None:
    lanes, steps, vocab_size = 100, 100, 65
    case = make_case(
        "qrnn", 2, hidden_size=32, seq_len=steps, batch_size=lanes, vocab_size=vocab_size, num_experts=2,
        dtype=np.float32,
    )  # fmt: skip
    total = np.zeros((steps, lanes))
    for character in range(vocab_size):
        targets = np.full((steps, lanes), character)
        nats, _ = case.model.nats(
            case.params, case.inputs, targets, case.state, case.workspace(), log_q=case.log_q
        )  # fmt: skip
        total += np.exp(-nats)
    assert total.size == 10_000
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [None, (1, T, B, V), (2, T + 1, B, V), (2, B, T, V), (2, T, B, V - 1), (T, B, V)])
def test_a_call_without_what_the_experts_say_is_refused(shape: tuple[int, ...] | None) -> None:
    case = small_case("qrnn", 2, num_experts=2)
    log_q = None if shape is None else np.zeros(shape)
    given = "none" if shape is None else rf"an array \({', '.join(map(str, shape))}\)"
    with pytest.raises(ValueError, match=rf"log_q must be an array \(2, {T}, {B}, {V}\) for 2 experts, not {given}"):
        case._replace(log_q=log_q).gradients()


def test_a_plain_network_refuses_what_experts_say() -> None:
    case = small_case("qrnn", 2)
    says = random_log_q(np.random.default_rng(0), 1, T, B, V)
    with pytest.raises(ValueError, match="for 0 experts"):
        case._replace(log_q=says).gradients()


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    network = CharModel(ModelConfig(5, "lstm", 4, 2, num_experts=2))
    params = network.init_parameters(np.random.default_rng(0))
    params.vector += 0.5
    experts = Experts.count(["characters", "words"], "abcde", np.random.default_rng(0).integers(0, 5, 99))
    write_model(tmp_path / "model.safetensors", ModelFile(network, params, Vocabulary("abcde"), {}, experts))
    return tmp_path / "model.safetensors"


def test_a_model_file_keeps_the_experts(model_file: Path) -> None:
    found = read_model(model_file)
    assert found.network.config == ModelConfig(5, "lstm", 4, 2, num_experts=2)
    assert {name for name in found.params if name.startswith("mixture.")} == {
        "mixture.input_weight", "mixture.gate_weight", "mixture.gate_bias",
    }  # fmt: skip
    np.testing.assert_array_equal(found.params["mixture.gate_bias"], np.full(2, 1.0, np.float32))


def test_a_model_without_the_counts_of_its_experts_is_refused(model_file: Path) -> None:
    """They could not say anything, and the network does not work without what they say."""
    arrays, header = read_arrays(model_file)
    plain = {name: array for name, array in arrays.items() if not name.startswith("counts.")}
    write_arrays(model_file, plain, header)
    with pytest.raises(RunError, match=r"it lacks counts\.sizes"):
        charrnn.load(model_file)
    del header["experts"]
    write_arrays(model_file, plain, header)
    with pytest.raises(RunError, match=r"has 2 count models, but the file names \[\]"):
        charrnn.load(model_file)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (99, "num_experts 99 is not a number of experts"),
        (-1, "num_experts -1 is not a number of experts"),
        ("x", "num_experts 'x' is not a number of experts"),
        (True, "num_experts True is not a number of experts"),
        (1, "has 1 count models, but the file names"),
        (0, "has 0 count models, but the file names"),
        (None, "num_experts None is not a number of experts"),
    ],
)
def test_a_model_file_with_a_wrong_number_of_experts_is_refused(model_file: Path, value: object, words: str) -> None:
    arrays, header = read_arrays(model_file)
    header["model"]["num_experts"] = value
    write_arrays(model_file, arrays, header)
    with pytest.raises(RunError, match=words) as refused:
        read_model(model_file)
    assert "\n" not in str(refused.value)


def test_a_model_file_from_before_experts_is_read(tmp_path: Path) -> None:
    network = CharModel(ModelConfig(5, "lstm", 4, 2))
    params, path = network.init_parameters(np.random.default_rng(0)), tmp_path / "model.safetensors"
    write_model(path, ModelFile(network, params, Vocabulary("abcde"), {}))
    arrays, header = read_arrays(path)
    del header["model"]["num_experts"]
    write_arrays(path, arrays, header)
    assert read_model(path).network.config == network.config


def test_what_experts_say_is_counted_in_the_memory_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config({"cell": "qrnn", "hidden_size": 8, "num_layers": 2, "seq_len": 100, "batch_size": 10})
    plain, knowing = (CharModel(ModelConfig(2000, "qrnn", 8, 2, num_experts=n)) for n in (0, 2))
    monkeypatch.setattr(memory, "machine_memory", lambda: 25e6)
    memory.check_memory(plain, config, lanes=10)
    with pytest.raises(ConfigError, match="2 experts"):
        memory.check_memory(knowing, config, lanes=10)
