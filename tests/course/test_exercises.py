"""Every exercise of the course has a solution that its check accepts, and wrong ones that it names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

COURSE = Path(__file__).parents[2] / "course"
SOLUTIONS = sorted((COURSE / "solutions").glob("*.py"))

# exercise, a line of its solution, the wrong line, and words of the verdict
WRONG = [
    ("pair_counts", "np.add.at(counts, (ids[:-1], ids[1:]), 1)", "counts[ids[:-1], ids[1:]] += 1", "Repeated pairs"),
    ("pair_counts", "(ids[:-1], ids[1:])", "(ids[1:], ids[:-1])", "exchanged"),
    ("smoothed", "axis=1", "axis=0", "columns sum to 1"),
    ("smoothed", "more = counts + 1", "more = counts", "probability 0"),
    ("smoothed", "more.sum(", "counts.sum(", "more than 1"),
    ("softmax", " - logits.max(axis=1, keepdims=True)", "", "overflow"),
    ("softmax", "e / e.sum(axis=1, keepdims=True)", "e / e.sum()", "is right"),
    ("cross_entropy", ".mean()", ".sum()", "It is a sum"),
    ("cross_entropy", "np.log(", "np.log2(", "bits"),
    ("cross_entropy", "return -", "return ", "sign"),
    ("rnn_step_backward", " * (1 - next_h**2)", "", "tanh-derivative-missing [rnn.3]"),
    ("rnn_step_backward", "da @ Wh.T", "da @ Wh", "recurrent-matrix-transposed [rnn.4]"),
    ("loss_and_grads", " + d_next", "", "recurrent-gradient-missing [rnn.4]"),
    ("loss_and_grads", "h[t].T @ d_a", "h[t + 1].T @ d_a", "state-gradient-paired-with-the-wrong-step [rnn.5]"),
    ("loss_and_grads", 'np.add.at(grads["Wx"], inputs[t], d_a)', 'grads["Wx"][inputs[t]] += d_a',
     "repeated-characters-lost [rnn.6]"),
    ("loss_and_grads", "d_o /= T * B", "d_o /= B", "mean-for-sum [readout.4]"),
    ("central_difference", "(f(x + h) - f(x - h)) / (2 * h)", "(f(x + h) - f(x)) / h", "one-sided"),
    ("central_difference", "(2 * h)", "h", "twice too large"),
    ("complex_step", ".imag", ".real", "real part"),
    ("complex_step", "f(x + 1j * h).imag / h", "(f(x + h) - f(x)) / h", "rounding"),
    ("clipped", "gradient * (limit / norm) if norm > limit else gradient", "np.clip(gradient, -limit, limit)",
     "direction"),
    ("clipped", " if norm > limit else gradient", "", "longer"),
    ("adam_step", "m / (1 - 0.9**t), v / (1 - 0.999**t)", "m, v", "bias-correction-missing [adam.3]"),
    ("adam_step", "np.sqrt(v_hat)", "v_hat", "square-root-missing [adam.4]"),
    ("adam_step", "0.001 * g**2", "0.001 * g", "gradient-not-squared [adam.2]"),
    ("lstm_step_backward", "dnext_c + dnext_h", "dnext_h", "memory-gradient-not-added [lstm.4]"),
    ("lstm_step_backward", "dprev_c = dc * f", "dprev_c = dc", "forget-gate-missing [lstm.7]"),
    ("with_temperature", "logits / temperature", "logits * temperature", "temperature-multiplied [sampling.1]"),
    ("nucleus", "1 + np.searchsorted", "np.searchsorted", "one-too-few [sampling.3]"),
    ("nucleus", "return kept / kept.sum()", "return kept", "sum to 1"),
    ("nucleus", "np.argsort(-probs)", "np.arange(len(probs))", "order of the vocabulary"),
    ("longest_copy", "range(len(sample))", "range(1)", "beginning"),
]  # fmt: skip


def load(path: Path, name: str) -> ModuleType:
    """A module of a file whose name need not be an identifier, registered so that its source can be found."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


checks = load(COURSE / "checks.py", "course_checks")
SOLVED = {name: path for path in SOLUTIONS for name in checks.CHECKS if f"def {name}(" in path.read_text()}


def function_of(path: Path, name: str) -> Callable[..., Any]:
    return getattr(load(path, f"course_{path.stem}"), name)


def test_every_exercise_has_a_solution_and_a_wrong_one() -> None:
    assert set(SOLVED) == set(checks.CHECKS) == {name for name, *_ in WRONG}


@pytest.mark.parametrize("name", checks.CHECKS)
def test_the_solution_is_right(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.check(function_of(SOLVED[name], name)) is True
    assert f"{name}: right" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "line", "wrong", "said"), WRONG)
def test_a_wrong_one_is_named(name: str, line: str, wrong: str, said: str, tmp_path: Path) -> None:
    head, found, body = SOLVED[name].read_text().partition(f"def {name}(")
    assert line in body
    path = tmp_path / "wrong.py"
    path.write_text(head + found + body.replace(line, wrong, 1))
    verdict = checks.verdict(function_of(path, name))
    assert "wrong" in verdict.splitlines()[0]
    assert said in verdict


def test_what_is_not_written_or_cannot_run_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    def softmax(logits: Any) -> Any:
        raise NotImplementedError

    assert checks.check(softmax) is False
    assert "not written yet" in capsys.readouterr().out

    def nucleus(probs: Any) -> Any:
        return probs

    assert "could not be run: TypeError" in checks.verdict(nucleus)

    def clipped(gradient: Any, limit: Any) -> None:
        gradient * limit

    assert "returned nothing" in checks.verdict(clipped)
    with pytest.raises(ValueError, match="keep the name"):
        checks.verdict(load)
