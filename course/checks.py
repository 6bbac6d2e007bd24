"""The checks of the exercises: `check(function)` says whether it is right, and which mistake it makes where it is not.

A backward pass, an update rule and a sampler go to `charrnn.check`. Anything smaller is run on a small case here and
compared with the right answer, then with the answers that common mistakes give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import charrnn

Wrong = Iterable[tuple[str, Any]]  # what a mistake is called, and the answer that it gives


def check(function: Callable[..., Any]) -> bool:
    """Print the verdict on an exercise, and return whether it is right."""
    said = verdict(function)
    print(said)
    return ": right" in said.splitlines()[0]


def verdict(function: Callable[..., Any]) -> str:
    """The verdict on an exercise, by the name of its function: `NAME: right`, or what is wrong."""
    name = function.__name__
    if name not in CHECKS:
        raise ValueError(f"'{name}' is not an exercise of the course: keep the name of the function")
    if "NotImplementedError" in function.__code__.co_names:
        return f"{name}: not written yet. Replace the line that raises NotImplementedError."
    try:
        return CHECKS[name](function)
    except (charrnn.CharRNNError, ArithmeticError, LookupError, NameError, TypeError, ValueError, AttributeError) as e:
        return f"{name}: wrong. It could not be run: {type(e).__name__}: {e}"


def compare(function: Callable[..., Any], got: Any, right: Any, mistakes: Wrong = ()) -> str:
    """The verdict on one answer."""
    name = function.__name__
    if got is None:
        return f"{name}: wrong. It returned nothing: end it with return."
    value, expected = np.asarray(got), np.asarray(right)
    if value.shape != expected.shape:
        return f"{name}: wrong. Its answer has shape {value.shape}; {expected.shape} is asked for."
    if np.allclose(value, expected, rtol=1e-9, atol=1e-12):
        return f"{name}: right"
    for what, answer in mistakes:
        wrong = np.asarray(answer)
        if wrong.shape == value.shape and np.allclose(value, wrong, rtol=1e-9, atol=1e-40, equal_nan=True):
            return f"{name}: wrong. {what}"
    at = np.unravel_index(np.argmax(~np.isclose(value, expected, rtol=1e-9, atol=1e-12)), expected.shape)
    where = f" at {[int(i) for i in at]}" if at else ""
    return f"{name}: wrong. The answer{where} is {value[at]:.6g}; {expected[at]:.6g} is right."


def _first_wrong(verdicts: Iterable[str]) -> str:
    """The first verdict that is not `right`, or the last."""
    said = ""
    for said in verdicts:
        if ": right" not in said:
            return said
    return said


def _backward_pass(function: Callable[..., Any], like: str) -> str:
    return str(charrnn.check(function, like=like))


# 1: counting


def _pair_counts(function: Callable[..., Any]) -> str:
    ids = np.array([0, 1, 0, 1, 2, 0, 1, 1])
    right = np.zeros((3, 3))
    np.add.at(right, (ids[:-1], ids[1:]), 1)
    return compare(function, function(ids, 3), right, [
        ("Repeated pairs are lost: counts[a, b] += 1 with arrays of ids adds once for each pair. Use np.add.at.",
         right > 0),
        ("Rows and columns are exchanged: row k holds what follows character k.", right.T),
    ])  # fmt: skip


def _smoothed(function: Callable[..., Any]) -> str:
    counts = np.array([[3.0, 1, 0], [0, 0, 2], [0, 4, 1]])
    more = counts + 1
    return compare(function, function(counts.copy()), more / more.sum(axis=1, keepdims=True), [
        ("The columns sum to 1; the rows should: each row is a distribution over the next character.",
         more / more.sum(axis=0)),
        ("1 is not added to the counts: what was not seen has probability 0, and its loss is infinite.",
         counts / counts.sum(axis=1, keepdims=True)),
        ("1 is added above but not below: the rows sum to more than 1.",
         more / np.maximum(counts.sum(axis=1, keepdims=True), 1)),
    ])  # fmt: skip


# 2: softmax and cross-entropy


def _softmax(function: Callable[..., Any]) -> str:
    ordinary = np.array([[0.5, -1.0, 2.0], [1.0, 3.0, 0.0]])
    large = np.array([[1000.0, 999.0, 0.0], [1000.0, 1000.0, 1000.0]])

    def right(o: np.ndarray) -> np.ndarray:
        e = np.exp(o - o.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    e = np.exp(ordinary)
    with np.errstate(all="ignore"):
        overflows = np.exp(large) / np.exp(large).sum(axis=1, keepdims=True)
        return _first_wrong([
            compare(function, function(ordinary.copy()), right(ordinary), [
                ("The sum runs over everything: each row is a distribution of its own (axis=1).", e / e.sum()),
                ("The sum runs over the columns: each row is a distribution of its own (axis=1).", e / e.sum(axis=0)),
            ]),
            compare(function, function(large.copy()), right(large), [
                ("Large logits overflow: exp(1000) is infinite. Subtract the largest logit of the row first; "
                 "it cancels in [readout.2].", overflows),
            ]),
        ])  # fmt: skip


def _cross_entropy(function: Callable[..., Any]) -> str:
    probs, targets = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]), np.array([1, 0])
    each = -np.log(probs[[0, 1], targets])
    return compare(function, function(probs, targets), each.mean(), [
        ("It is a sum; [readout.3] is the mean, so that texts of different length can be compared.", each.sum()),
        ("It is in bits: log2. We count in nats: np.log.", each.mean() / np.log(2)),
        ("The sign is wrong: a loss is −log p.", -each.mean()),
        ("It is the logarithm of the mean probability; [readout.3] is the mean of the logarithms.",
         -np.log(probs[[0, 1], targets].mean())),
    ])  # fmt: skip


# 5: checking gradients


def _central_difference(function: Callable[..., Any]) -> str:
    h = 1e-3
    x, f = 0.7, np.exp
    return compare(function, function(f, x, h), (f(x + h) - f(x - h)) / (2 * h), [
        ("It is one-sided: (f(x + h) − f(x)) / h has an error of the order of h; that of two sides is of h².",
         (f(x + h) - f(x)) / h),
        ("It is twice too large: the two points are 2h apart.", (f(x + h) - f(x - h)) / h),
    ])  # fmt: skip


def _complex_step(function: Callable[..., Any]) -> str:
    x, h = 0.7, 1e-30
    moved = np.tanh(x + 1j * h)
    return compare(function, function(np.tanh, x, h), moved.imag / h, [
        ("It takes the real part, which is f(x) itself; the derivative is in the imaginary part.", moved.real / h),
        ("It is not divided by h.", moved.imag),
        ("It subtracts, and loses every digit to rounding: move x by 1j * h, and take the imaginary part.", 0.0),
    ])  # fmt: skip


# 6: Adam and clipping


def _clipped(function: Callable[..., Any]) -> str:
    long, short = np.array([3.0, -4.0, 12.0]), np.array([0.3, -0.4, 0.0])
    return _first_wrong([
        compare(function, function(long.copy(), 1.0), long / 13, [
            ("It clips number by number, which changes the direction; scale the whole vector.", np.clip(long, -1, 1)),
            ("It divides by the sum of squares: the norm is its square root.", long / 169),
        ]),
        compare(function, function(short.copy(), 1.0), short, [
            ("It makes a short gradient longer: only one that is longer than the limit is scaled.", short / 0.5),
        ]),
    ])  # fmt: skip


def _adam_step(function: Callable[..., Any]) -> str:
    ones = np.ones(3)
    function(ones, ones, ones, ones, 1, 0.01)  # it takes what the exercise gives
    return str(charrnn.check(function))


# 8: sampling


def _sampler(function: Callable[..., Any]) -> str:
    function(np.array([0.5, 0.3, 0.2]), 0.6)  # it takes what the exercise gives
    return str(charrnn.check(function))


def _longest_copy(function: Callable[..., Any]) -> str:
    text, sample = "the clock struck the hour", "a clock struck a clock"
    return compare(function, function(sample, text), len(" clock struck "), [
        ("It looks only at the beginning of the sample: a copy may begin anywhere.", 0),
        ("It counts a whole word: count characters, spaces too.", len("struck")),
    ])  # fmt: skip


CHECKS: dict[str, Callable[[Callable[..., Any]], str]] = {
    "pair_counts": _pair_counts,
    "smoothed": _smoothed,
    "softmax": _softmax,
    "cross_entropy": _cross_entropy,
    "rnn_step_backward": lambda f: _backward_pass(f, "cs231n"),
    "loss_and_grads": lambda f: _backward_pass(f, "plain"),
    "central_difference": _central_difference,
    "complex_step": _complex_step,
    "clipped": _clipped,
    "adam_step": _adam_step,
    "lstm_step_backward": lambda f: _backward_pass(f, "cs231n"),
    "with_temperature": _sampler,
    "nucleus": _sampler,
    "longest_copy": _longest_copy,
}
