"""The compiled code: its elementwise maths, rows that do not depend on their neighbours, workers, and planted bugs."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charrnn
from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.errors import ConfigError
from charrnn.gradcheck.case import Case, relative_error
from charrnn.nn.kernels import Kernels, compile, kernels, library
from charrnn.nn.kernels import crew as crew_module
from charrnn.nn.kernels.crew import Crew
from charrnn.nn.kernels.kernels import Matrix, ids_of
from charrnn.nn.kernels.library import ARGUMENTS, functions, instructions, pointer, recorded
from charrnn.nn.kernels.repeated import can_be_repeated
from charrnn.nn.model import CharModel
from charrnn.nn.stepper import PlainStepper, make_stepper
from charrnn.training.callback import Callback
from charrnn.training.workers import EACH, PERIOD, Pace, usable_cores
from tests.broken_kernels import a_bug, can_be_broken
from tests.networks import EVERY_CELL, small_case

compiled = pytest.mark.skipif(not instructions(), reason="the kernels are not compiled here")
SOURCES = Path(library.__file__).parent / "c"
FLOATS = (np.float32, np.float64)
CUTS = [[0, 53], [0, 1, 2, 5, 53], [0, 13, 26, 53], list(range(54))]


@pytest.fixture(autouse=True, scope="module")
def everything_is_shared() -> Iterator[None]:
    """Networks as small as these would be left to one worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew_module, "WORTH_SHARING", 0.0)
        yield


def kernel(name: str, dtype: type = np.float32) -> object:
    return functions(np.dtype(dtype), instructions())(name)


def test_arguments_are_those_of_the_functions_in_c() -> None:
    found = {}
    text = "".join(path.read_text("utf-8") for path in SOURCES.glob("*.h")).replace("NAME(pooling)", "pooling")
    for name, arguments in re.findall(r"^(?:void|int64_t) NAME\((\w+)\)\(([^)]*)\)", text, re.MULTILINE):
        each = [argument.strip() for argument in arguments.split(",")]
        found[name] = "".join("" if a == "void" else "p" if "*" in a else "i" if "int64_t" in a else "n" for a in each)
    loops = {name: each for name, each in ARGUMENTS.items() if re.match("(rnn|lstm|gru)_", name)}
    assert len(loops) == 6  # a macro makes them
    assert {**found, **loops} == ARGUMENTS


def gates_of(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """tanh and σ of x (N, H), by the pooling's gates."""
    from charrnn.nn.kernels.quasi_recurrent import _Pooling

    (N, H), dtype = x.shape, x.dtype
    gates = np.concatenate([x, x, x], axis=1)
    bias, stream, cells, outputs = (
        np.zeros(3 * H, dtype),
        np.zeros((N, H), dtype),
        np.zeros((2 * N, H), dtype),
        np.zeros_like(x),
    )
    w = _Pooling(
        1, N, H, a=pointer(gates), before=pointer(bias), x=pointer(stream), gates=pointer(gates), cells=pointer(cells),
        outputs=pointer(outputs), zeros=pointer(bias),
    )  # fmt: skip
    kernel("pool_forward", dtype.type)(ctypes.byref(w), 0, N)
    return gates[:, :H], gates[:, H : 2 * H]


def ulps(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(found.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(np.float32))))


@compiled
def test_tanh_and_sigmoid_are_within_two_and_a_half_units_in_the_last_place() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 3, 300_000), rng.uniform(-80, 80, 60_000), rng.normal(0, 0.05, 40_000)])
    x = x.astype(np.float32).reshape(-1, 100)
    tanh, sigmoid = gates_of(x)
    X = x.astype(np.float64)
    assert ulps(tanh, np.tanh(X)) < 2.5
    assert ulps(sigmoid, 1 / (1 + np.exp(-X))) < 2.5


@compiled
def test_exp_is_within_two_and_a_half_units_in_the_last_place() -> None:
    x = np.random.default_rng(0).uniform(-86, 88, (1000, 100)).astype(np.float32)
    log_q, out = 2 * x, np.empty_like(x)
    kernel("roots")(1000, 100, 1, 0, 1000, pointer(log_q), pointer(out))
    assert ulps(out, np.exp(log_q.astype(np.float64) / 2)) < 2.5


@compiled
@pytest.mark.parametrize("dtype", FLOATS)
def test_gates_of_numbers_at_the_limits(dtype: type) -> None:
    x = np.array([[np.nan, np.inf, -np.inf, 1e38, -1e38, 0.0, -0.0, 1e-40, -1e-40, 100.0, -100.0]], dtype)
    tanh, sigmoid = gates_of(x)
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_allclose(tanh, np.tanh(x), rtol=1e-6, atol=1e-44)
        np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-x)), rtol=1e-6, atol=1e-37)


@compiled
@pytest.mark.parametrize("dtype", [*FLOATS, np.complex128])
@pytest.mark.parametrize("cut", CUTS, ids=len)
@pytest.mark.parametrize(("K", "N"), [(200, 200), (37, 101), (300, 5), (1, 1)])
def test_a_row_of_a_product_is_the_same_bits_whatever_stands_beside_it(
    dtype: type, cut: list[int], K: int, N: int
) -> None:
    rng = np.random.default_rng(1)
    x, weight, d_out = (rng.normal(size=shape).astype(dtype) for shape in ((53, K), (K, N), (53, N)))
    matrix = Matrix(functions(np.dtype(dtype), instructions()), K, N, np.dtype(dtype))
    matrix.pack_forward(Crew(), weight)
    matrix.pack_backward(Crew(), weight)
    whole, parts = np.empty((53, N), dtype), np.empty((53, N), dtype)
    back, back_parts = np.empty((53, K), dtype), np.empty((53, K), dtype)
    matrix.forward(x, whole)(0, 53)
    matrix.backward(d_out, back)(0, 53)
    for first, end in pairwise(cut):
        matrix.forward(x, parts)(first, end)
        matrix.backward(d_out, back_parts)(first, end)
    np.testing.assert_array_equal(parts, whole)
    np.testing.assert_array_equal(back_parts, back)
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(whole, x @ weight, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(back, d_out @ weight.T, rtol=tolerance, atol=tolerance)


@compiled
@pytest.mark.parametrize("dtype", [*FLOATS, np.complex128])
@pytest.mark.parametrize("K", [*range(1, 14), 25])
def test_a_gradient_over_many_rows_is_that_of_numpy_for_any_number_of_columns(dtype: type, K: int) -> None:
    rng = np.random.default_rng(2)
    rows, N = 600, 37  # more than two blocks of rows; a panel that is not full
    x, d_out = (rng.normal(size=(rows, columns)).astype(dtype) for columns in (K, N))
    skip = rng.random(rows) < 0.1
    matrix, found = Matrix(functions(np.dtype(dtype), instructions()), K, N, np.dtype(dtype)), np.empty((K, N), dtype)
    for crew in Crew(), Crew(3):
        matrix.gradient(crew, x, d_out, found, skip.view(np.uint8))
        tolerance = 1e-3 if dtype == np.float32 else 1e-11
        np.testing.assert_allclose(found, (x * ~skip[:, None]).T @ d_out, rtol=0, atol=tolerance)


@compiled
@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from(["rnn", "lstm", "gru", "qrnn"]), layers=st.integers(1, 3), hidden_size=st.integers(1, 40),
    seq_len=st.integers(1, 9), batch_size=st.integers(1, 9), vocab_size=st.integers(1, 40), workers=st.integers(1, 5),
    boundaries=st.booleans(), num_experts=st.sampled_from([0, 2]),
)  # fmt: skip
def test_a_network_of_any_size_has_the_gradients_of_numpy(
    cell: str, layers: int, boundaries: bool, workers: int, **sizes: int
) -> None:
    from charrnn.gradcheck.case import make_case

    if sizes["seq_len"] == 1:
        boundaries = False
    plain, twin = (make_case(cell, layers, **sizes, boundaries=boundaries, kernels=name) for name in ("numpy", "c"))
    twin.model.kernels.crew.workers = workers
    expected, found = plain.gradients(), twin.gradients()
    assert found.loss == pytest.approx(expected.loss, rel=1e-12, abs=1e-14)
    for name in expected.grads:
        np.testing.assert_allclose(found.grads[name], expected.grads[name], rtol=1e-9, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(found.final_state, expected.final_state, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.initial_state_grad, expected.initial_state_grad, rtol=1e-9, atol=1e-12)


@compiled
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "qrnn"])
def test_a_number_that_is_not_finite_is_seen_in_the_loss(cell: str, value: float) -> None:
    case = small_case(cell, 2, kernels="c")
    case.params["readout.weight"][2, 3] = value
    with np.errstate(all="ignore"):
        assert not np.isfinite(case.gradients().loss)


@compiled
def test_instructions_of_every_set_give_the_same_bits() -> None:
    sets = [name for name in compile.INSTRUCTIONS.get(os.uname().machine, {}) if has(name)]
    if len(sets) < 2:
        pytest.skip("this processor runs a single set of instructions")
    for cell in ("rnn", "lstm", "gru", "qrnn"):
        vectors = []
        for name in sets:
            case = small_case(cell, 2, 0.3, 2, kernels="c", dtype=np.float32)
            case.model.kernels.instructions = name
            vectors.append(case.gradients().grads.vector)
        np.testing.assert_array_equal(*vectors)


def has(name: str) -> bool:
    """Whether this processor runs a set: the sets are ordered, and the library names the best."""
    order = ["v3", "v4"]
    return name in order and order.index(name) <= order.index(instructions())


@compiled
@pytest.mark.parametrize("num_experts", [0, 2])
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_a_stepper_reads_as_the_network_does(cell: str, lanes: int, num_experts: int) -> None:
    case = small_case(cell, 2, num_experts=num_experts, kernels="c")
    state = case.state[:, :, :lanes]
    one, plain = make_stepper(case.model, case.params, lanes), PlainStepper(case.model, case.params, lanes)
    for stepper in (one, plain):
        stepper.set_state(state)
    for t, ids in enumerate(case.inputs[:, :lanes]):
        log_q = None if case.log_q is None else case.log_q[:, t : t + 1, :lanes]
        np.testing.assert_allclose(one.step(ids, log_q), plain.step(ids, log_q), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(one.state(), plain.state(), rtol=1e-11, atol=1e-13)
    one.set_state(state[:, :, 0], lane=lanes - 1)
    plain.set_state(state[:, :, 0], lane=lanes - 1)
    log_q = None if case.log_q is None else case.log_q[:, :1, :lanes]
    ids = case.inputs[0, :lanes]
    np.testing.assert_allclose(one.step(ids, log_q), plain.step(ids, log_q), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("ids", [[-1, 0], [0, 5]])
def test_an_id_beyond_the_vocabulary_is_refused_before_it_is_read(ids: list[int]) -> None:
    with pytest.raises(IndexError, match="ids must be from 0 to 4"):
        ids_of(np.array(ids), 5, out=np.empty(2, np.int64))


@compiled
def test_parameters_of_another_precision_are_refused() -> None:
    case = small_case("rnn", kernels="c")
    with pytest.raises(TypeError, match="the parameters are float32, the workspace is float64"):
        case.model.forward(case.params.astype(np.float32), case.inputs, case.state, case.workspace())


def test_the_choice_of_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernels.VARIABLE, "numpy")
    assert Kernels().name == "numpy"
    monkeypatch.setenv(kernels.VARIABLE, "fortran")
    with pytest.raises(ConfigError, match="kernels 'fortran' are not known"):
        Kernels()
    monkeypatch.delenv(kernels.VARIABLE)
    monkeypatch.setattr(kernels, "instructions", lambda: "")
    assert Kernels().name == "numpy"
    with pytest.raises(ConfigError, match="kernels 'c' are missing"):
        Kernels("c")


def test_a_crew_runs_every_tile_once_and_raises_what_a_tile_raises() -> None:
    crew, seen, lock = Crew(4), [], threading.Lock()

    def part(first: int, end: int) -> None:
        with lock:
            seen.append((first, end))

    crew.over(103, part, 1.0, 10)
    assert sorted(seen)[0][0] == 0
    assert sorted(seen)[-1][1] == 103
    assert all(end == first for (_, end), (first, _) in pairwise(sorted(seen)))
    assert all(first % 10 == 0 for first, _ in seen)

    def fails(first: int, end: int) -> None:
        raise ZeroDivisionError(first)

    with pytest.raises(ZeroDivisionError):
        crew.over(103, fails, 1.0, 10)
    crew.over(8, part, 1.0)  # the crew is as it was


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system cannot interrupt a thread")
def test_a_crew_that_was_interrupted_waits_for_its_next_task() -> None:
    crew, main, begun, may_end = Crew(2), threading.get_ident(), threading.Event(), threading.Event()

    def interrupts(first: int, end: int) -> None:
        if threading.get_ident() == main:
            begun.wait(10)  # so that each has a part
        else:
            begun.set()
            time.sleep(0.2)  # until the other waits
            signal.pthread_kill(main, signal.SIGINT)
            may_end.wait(10)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            crew.over(2, interrupts, 1.0)
    finally:
        signal.signal(signal.SIGINT, handler)
    done = []
    crew.over(8, lambda first, end: (time.sleep(0.05), done.append((first, end))), 1.0)
    assert sorted(done) == [(0, 2), (2, 4), (4, 6), (6, 8)]
    may_end.set()


def test_what_is_shared_together_is_one_task(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, tasks, done = Crew(2), [], []
    monkeypatch.setattr(crew, "run", lambda tiles: (tasks.append(len(tiles)), [tile() for tile in tiles]))
    with crew.together():
        crew.over(100, lambda first, end: done.append(("a", first, end)), 3.0)
        crew.over(100, lambda first, end: done.append(("b", first, end)), 1.0, 50)
        assert done == []
    assert tasks == [4]  # about three parts in four to the first, which has three times as much work
    assert done == [("a", 0, 33), ("a", 33, 66), ("a", 66, 100), ("b", 0, 100)]

    def fails() -> None:
        with crew.together():
            crew.over(100, lambda first, end: done.append(("c", first, end)), 1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    crew.over(10, lambda first, end: None, 1.0, 10)  # at once, as before
    assert tasks == [4, 1]
    assert all(name != "c" for name, *_ in done)


@compiled
@pytest.mark.parametrize("cell", ["qrnn", "lstm"])
def test_a_model_file_is_the_same_for_every_number_of_workers(cell: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("It was the best of times, it was the worst of times. " * 60)
    files = set()
    for workers in (1, 2, 3, 5, 8):
        settings = {"cell": cell, "hidden_size": 70, "num_layers": 2, "seq_len": 12, "batch_size": 7, "steps": 12}
        run = charrnn.train(text, out=tmp_path / f"run-{workers}", workers=workers, kernels="c", **settings)
        files.add((run.path / "model.safetensors").read_bytes())
    first = charrnn.train(text, out=tmp_path / "parts", workers=3, kernels="c", **{**settings, "steps": 5})
    resumed = charrnn.train(resume=first.path, workers=2, steps=12)
    assert len(files) == 1
    whole, _ = (charrnn.load(tmp_path / name).arrays() for name in ("run-1", "parts"))
    assert resumed.step == 12
    assert whole.keys() == resumed.model.arrays().keys()


@compiled
def test_a_run_goes_on_with_its_kernels_and_says_so_if_it_cannot(tmp_path: Path) -> None:
    text, messages = tmp_path / "text.txt", []
    text.write_text("It was the best of times, it was the worst of times. " * 60)

    class Listener(Callback):
        def on_message(self, message: str) -> None:
            messages.append(message)

    small = {"hidden_size": 8, "seq_len": 8, "batch_size": 2}
    run = charrnn.train(text, out=tmp_path / "run", kernels="numpy", steps=3, callback=Listener(), **small)
    charrnn.train(resume=run.path, steps=5, callback=Listener())
    assert not any("the last digits" in message for message in messages)
    charrnn.train(resume=run.path, steps=7, kernels="c", callback=Listener())
    remark = "with kernels c where it had numpy: the last digits will differ from there on"
    assert any(remark in message for message in messages)  # another one names a curve that needs matplotlib


def test_the_pace_keeps_the_faster_number_of_workers() -> None:
    for costs, kept in (({1: 1.0, 2: 0.6, 3: 0.7}, 2), ({1: 0.5, 2: 0.6, 3: 0.7}, 1), ({1: 3.0, 2: 2.0, 3: 1.0}, 3)):
        crew = Crew(3)
        pace = Pace(crew, fixed=False)
        for _ in range(6 * (PERIOD + 2 * EACH)):
            pace.stepped(costs[crew.workers])
        settled = [crew.workers for _ in range(PERIOD // 2) if not pace.stepped(costs[crew.workers])]
        assert settled.count(kept) >= PERIOD // 2 - EACH
    fixed = Crew(3)
    pace = Pace(fixed, fixed=True)
    for _ in range(3 * PERIOD):
        pace.stepped(1.0)
    assert fixed.workers == 3
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def steps(model: CharModel, fresh_workspace: bool) -> list[Array]:
    """Losses, states and gradients of some steps, with a new workspace for each, or with one."""
    rng, T, B, found = np.random.default_rng(1), 7, 3, []
    params, state = model.init_parameters(np.random.default_rng(0)), model.zero_state(B)
    grads, ws = params.zeros_like(), model.workspace(T, B)
    for k in range(5):
        ws = model.workspace(T, B) if fresh_workspace else ws
        inputs, targets = rng.integers(0, 9, (2, T, B))
        if k % 2:  # what else the workspace is used for changes nothing: other parameters, steps that begin anew
            model.forward(params.zeros_like(), inputs, state, ws, fresh=rng.random((T, B)) < 0.3)
        loss, state = model.loss_and_grads(params, inputs, targets, state, ws, grads)
        found += [np.array(loss), state, grads.vector.copy(), model.initial_state_grad(ws)]
        if k == 2:  # other arrays
            params, grads = params.astype(np.float32), params.zeros_like()
        params.vector -= 0.3 * grads.vector
    assert fresh_workspace or (ws.repeated is not None) == can_be_repeated(model)
    return found


@compiled
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "qrnn"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_repeated_step_has_the_same_bits(cell: str, num_layers: int) -> None:
    model = CharModel(ModelConfig(9, cell, 21, num_layers), Kernels("c"))
    assert can_be_repeated(model) == (cell != "qrnn")
    for again, once in zip(steps(model, False), steps(model, True), strict=True):
        np.testing.assert_array_equal(again, once)
    model.kernels.crew.workers = 2
    assert not can_be_repeated(model)
    for again, once in zip(steps(model, False), steps(model, True), strict=True):
        np.testing.assert_array_equal(again, once)


@compiled
def test_a_repeated_step_refuses_ids_that_are_not_there_and_other_shapes() -> None:
    model = CharModel(ModelConfig(9, "rnn", 21), Kernels("c"))
    params, ws = model.init_parameters(np.random.default_rng(0)), model.workspace(7, 3)
    grads, ids, state = params.zeros_like(), np.zeros((7, 3), int), model.zero_state(3)
    for _ in range(2):
        model.loss_and_grads(params, ids, ids, state, ws, grads)
    for inputs, targets in ((ids + 9, ids), (ids, ids - 1)):
        with pytest.raises(IndexError, match="ids must be from 0 to 8"):
            model.loss_and_grads(params, inputs, targets, state, ws, grads)
    with pytest.raises(ValueError, match="for 0 experts, not an array"):
        model.loss_and_grads(params, ids, ids, state, ws, grads, log_q=np.zeros((1, 7, 3, 9), np.float32))
    with pytest.raises(ValueError, match="could not broadcast"):
        model.loss_and_grads(params, ids[:6], ids[:6], state, ws, grads)


@compiled
def test_only_the_thread_that_records_is_recorded() -> None:
    numbers = np.ones(3, np.float32)
    arguments = 1, 3, 0, 3, pointer(numbers), pointer(np.empty(3, np.float32))
    with recorded() as outer:
        thread = threading.Thread(target=lambda: kernel("sum_rows")(*arguments))  # type: ignore[operator]
        thread.start()
        thread.join()
        assert outer == []
        kernel("sum_rows")(*arguments)  # type: ignore[operator]
    kernel("sum_rows")(*arguments)  # type: ignore[operator]
    assert [each[1:7] for each in outer] == [list(arguments)]


# Bugs in the compiled code: file, right, wrong, and the networks that show it.
BUGS = [
    ("cells.h", "(1 - h[k] * h[k])", "(1 - h[k])", "rnn", False),
    ("cells.h", "d_c[k] = d_now * f; ", "d_c[k] = d_now * i; ", "lstm", False),
    ("cells.h", "d_h[k] = d * z;", "d_h[k] = d * (1 - z);", "gru", False),
    ("cells.h", ".y = fresh ? w->zeros : ", ".y = ", "rnn", True),
    ("qrnn.h", "d_c[h] = d_now * f;", "d_c[h] = d_now;", "qrnn", False),
    ("qrnn.h", "if (fresh) memset(d_c, 0, H * sizeof(real));", "", "qrnn", True),
    ("norm.h", "row[h] * scale * mean) + d_y", "row[h] * mean) + d_y", "qrnn", False),
    ("product.h", "if (skip && skip[n + i])", "if (0)", "lstm", True),
    ("readout.h", "o[targets[n]] -= 1 / (scalar)N;", "o[targets[n]] -= 1;", "rnn", False),
    ("rows.h", "real *sum = out + ids[n] * K;", "real *sum = out + ids[0] * K;", "gru", False),
]


def differs(case: Case, expected: Case) -> bool:
    a, b = case.gradients(), expected.gradients()
    pairs = [(a.grads.vector, b.grads.vector), (a.initial_state_grad, b.initial_state_grad)]
    return any(not relative_error(x, y) < 1e-12 for x, y in pairs)


@can_be_broken
@pytest.mark.parametrize(("file", "right", "wrong", "cell", "boundaries"), BUGS, ids=lambda each: str(each)[:20])
def test_a_bug_in_the_compiled_code_is_caught(
    file: str, right: str, wrong: str, cell: str, boundaries: bool, tmp_path: Path
) -> None:
    case, expected = (small_case(cell, 2, boundaries=boundaries, kernels=kind) for kind in ("c", "numpy"))
    assert not differs(case, expected)
    with a_bug(file, right, wrong, "float64", tmp_path) as instructions_of_it:
        mutant = small_case(cell, 2, boundaries=boundaries, kernels="c")
        mutant.model.kernels.instructions = instructions_of_it
        assert differs(mutant, expected)
