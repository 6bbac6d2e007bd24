"""What is wrong with a single array: transposed, a mean, never computed, that of another gate, made by a wrong line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from charrnn.learning.case import Case
from charrnn.learning.layouts import Layout
from charrnn.learning.mistakes import HEAD, MISTAKES, Mistake, generated
from charrnn.learning.observed import STATES, Found, differs

TOLERANCE = 2e-5  # a program may compute in float32, or add a small number inside a logarithm
LEAVES = ("d_U", "d_W", "d_W_n", "d_b", "d_bh", "d_x", "d_V", "d_c")  # on which nothing else depends


class Named(NamedTuple):
    """A mistake that was found in a program."""

    name: str
    array: str
    equation: str
    explanation: str


@lru_cache(4096)
def outputs(case: Case, mistakes: tuple[Mistake, ...]) -> dict[str, Any] | None:
    """The reference's loss, states and gradients with mistakes; None if they exclude each other or cannot run."""
    try:
        return case.reference(mistakes)
    except (LookupError, NameError, TypeError, ValueError):  # a generated line that takes what is not there yet
        return None


def equation_of(key: str) -> str:
    """The equation of a gradient, for arrays that no mistake of the catalogue explains."""
    return {"$loss": "readout.3", "$h": "rnn.1", "$last": "rnn.1", "$h0": "rnn.4", "$x": "rnn.6", "$last_c": "lstm.2",
            "$c0": "lstm.7"}.get(key, "")  # fmt: skip


def label(layout: Layout, key: str) -> str:
    """The equation that an array belongs to."""
    part = {name: part for part, name in layout.naming.names}.get(key, "").split(".")[0]
    second = "gru.7" if layout.case.network == "gru" else "rnn.6"
    return {"U": "rnn.6", "W": "rnn.5", "b": "rnn.6", "bh": second, "V": "readout.5", "c": "readout.5",
            "J": "rnn.5"}.get(part) or equation_of(key) or "rnn.4"  # fmt: skip


def wrong_array(layout: Layout, key: str, name: str, value: Any, expected: Any) -> Named | None:
    """What is wrong with a single array, if it is simple."""
    equation = label(layout, key)
    value, expected = np.asarray(value, float), np.asarray(expected, float)
    if not np.any(value) and value.size:
        return Named(
            "never-computed", name, equation, f"{name} is zero throughout: it is made, but nothing is added to it."
        )
    if not np.isfinite(value).all():
        return None
    if np.squeeze(value).ndim == 2 and differs(value.T, expected) <= TOLERANCE:
        return Named("transposed", name, equation, f"{name} is transposed: the factors of the product are exchanged.")
    T, B = layout.case.steps, layout.case.lanes
    for factor, what in ((-1.0, "its sign is wrong"), (1 / T, "it is a mean over the steps, not a sum"),
                         (1 / B, "it is a mean over the lanes, not a sum"), (1 / (T * B), "it is a mean, not a sum"),
                         (float(T), "it is multiplied by the number of steps"), (2.0, "it is added twice"),
                         (float(B), "it is multiplied by the number of lanes"), (0.5, "it is half of what is right"),
                         (float(T * B), "it is multiplied by the number of characters")):  # fmt: skip
        if factor != 1.0 and differs(value, factor * expected) <= TOLERANCE:
            kind = "gradient-sign" if factor < 0 else "mean-for-sum" if factor < 1 and factor != 0.5 else "factor"
            return Named(kind, name, equation, f"{name}: {what}.")
    return None


def of_another(layout: Layout, key: str, name: str, value: Any, expected: dict[str, Any]) -> Named | None:
    """An array that holds what belongs into another, as where a line was copied for the next gate."""
    for other, right in expected.items():
        same_shape = np.squeeze(right).shape == np.squeeze(value).shape
        if other != key and not other.startswith("$") and same_shape and differs(value, right) <= TOLERANCE:
            said = f"{name} holds the gradient of {other}: a line was copied, and a name not changed."
            return Named("array-of-another", name, label(layout, key), said)
    return None


def of_a_wrong_line(layout: Layout, key: str, name: str, value: Any, scale: float) -> Named | None:
    """An array whose own line is wrong where those of the other gates are right."""
    for mistake in _of_leaves(layout):
        wrong = outputs(layout.case, (mistake,))
        if wrong is not None and differs(value, scale * layout.expected(wrong)[key]) <= TOLERANCE:
            return Named(mistake.name, name, mistake.equation, mistake.explanation)
    return None


def _of_leaves(layout: Layout) -> Iterator[Mistake]:
    network = layout.case.network
    for mistake in (*MISTAKES[network], *generated(network)):
        head = mistake.where == HEAD
        target = mistake.line.partition("=")[0].strip(" +").partition("[")[0]
        if (
            target in LEAVES
            and (head or target not in ("d_V", "d_c"))
            and not mistake.large
            and (layout.case.kind == "loss" or not head)
        ):
            yield mistake


def one_by_one(layout: Layout, found: dict[str, Found], names: tuple[str, ...], scale: float) -> dict[str, Named]:
    """What is wrong with each of the arrays, where it can be said."""
    right = outputs(layout.case, ())
    assert right is not None
    expected = {k: scale * np.asarray(v) for k, v in layout.expected(right).items()}
    said: dict[str, Named] = {}
    for key, (name, value) in found.items():
        if name in names and key != "$loss" and key not in STATES:
            named = of_another(layout, key, name, value, expected)
            named = named or of_a_wrong_line(layout, key, name, value, scale)
            said |= {name: named} if named else {}
    return said


def wrong_state(key: str, name: str, value: Any, layout: Layout, reference: dict[str, Any]) -> Named | None:
    """Another state than the last."""
    if key != "$last":
        return None
    d = layout.case.data()
    others = {"the initial state": d["h0"]}
    others |= {f"the state of step {t + 1}": h for t, h in enumerate(reference["h"][:-1])}
    for what, state in others.items():
        if differs(value, layout.expected({**reference, "last": state})["$last"]) <= TOLERANCE:
            return Named("state-not-carried", name, "rnn.1",
                         f"{name} is {what}. The next window must start from the last state of this one.")  # fmt: skip
    if not np.any(value):
        return Named(
            "state-not-carried", name, "rnn.1", f"{name} is zero. The next window must start from the last state."
        )
    return None
