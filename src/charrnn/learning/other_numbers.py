"""What is right for ordinary numbers is tried with others: large gradients, large logits, and a second call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from charrnn.learning.by_array import TOLERANCE, Named, label, outputs
from charrnn.learning.case import LARGE, OVERFLOW
from charrnn.learning.diagnosis import Diagnosis
from charrnn.learning.isolation import Outcome, Program, run_isolated
from charrnn.learning.layouts import Layout
from charrnn.learning.mistakes import MISTAKES
from charrnn.learning.observed import STATES, Found, differs, observed
from charrnn.learning.tasks import Caller, Task


def with_other_numbers(
    program: Program, task: Task, caller: Caller, layout: Layout, best: Diagnosis, seconds: float
) -> tuple[list[Named], list[Named]]:
    """Gradients so large that clipping shows, and logits so large that a softmax can overflow."""
    kinds = [LARGE] + ([OVERFLOW] if layout.case.kind == "loss" else [])
    others = [replace(layout, case=replace(layout.case, numbers=numbers)) for numbers in kinds]
    plan = caller.plan(layout)
    plans = [*map(caller.plan, others), {**plan, "calls": 2 * plan["calls"]}]
    *outcomes, twice = run_isolated(program, plans, caller.arrays, seconds)
    found: list[dict[str, Found]] = []
    for other, outcome in zip(others, outcomes, strict=True):
        reference = outputs(other.case, ())
        assert reference is not None
        found.append({} if outcome.error else observed(task, other, outcome, other.expected(reference)))
    named, warnings = _clipping(others[0], found[0], best.scale), _of_a_second_call(task, layout, twice, best.scale)
    if len(others) > 1 and not all(np.isfinite(f.value).all() for k, f in found[1].items() if k != "$loss"):
        warnings.append(
            Named("softmax-overflow", "loss", "readout.2",
                  "Logits above 709 overflow: exp(o) is infinite. Subtract the largest logit first; it changes no "
                  "probability.")
        )  # fmt: skip
    return named, warnings


def _of_a_second_call(task: Task, layout: Layout, twice: Outcome, scale: float) -> list[Named]:
    """Whether a second call gives twice the gradients."""
    if twice.error:
        return []
    reference = outputs(layout.case, ())
    assert reference is not None
    right = layout.expected(reference)
    calls = len(twice.results) // 2
    found = observed(task, layout, Outcome(twice.results[calls:], ""), right)
    gradients = {k: f for k, f in found.items() if k not in ("$loss", *STATES)}
    if not all(differs(f.value, 2 * scale * right[k]) <= TOLERANCE for k, f in gradients.items()):
        return []
    said = "A second call gives twice the gradients: it adds to those of the first. Set them to zero before every call."
    return [Named("gradients-not-reset", ", ".join(f.name for f in gradients.values()), "rnn.5", said)]


def _clipping(layout: Layout, found: dict[str, Found], scale: float) -> list[Named]:
    """Mistakes that show only where gradients are large. A sum that is clipped, by element or by norm, is right."""
    gradients = {k: f for k, f in found.items() if k not in ("$loss", *STATES)}
    reference = outputs(layout.case, ())
    assert reference is not None
    right = layout.expected(reference)
    largest = max((float(np.abs(f.value).max()) for f in gradients.values() if f.value.size), default=0.0)

    def fits(expected: dict[str, Any], key: str, value: Any) -> bool:
        target = scale * np.asarray(expected[key])
        return any(differs(value, t) <= TOLERANCE for t in (target, np.clip(target, -largest, largest)))

    wrong = [key for key, f in gradients.items() if not fits(right, key, f.value)]
    factors = [float(np.vdot(f.value, right[k]) / np.vdot(right[k], right[k])) for k, f in gradients.items()
               if np.squeeze(f.value).shape == np.squeeze(right[k]).shape and np.any(right[k])]  # fmt: skip
    by_norm = len(factors) == len(gradients) and all(
        differs(f.value, factors[n] * np.reshape(right[k], f.value.shape)) <= TOLERANCE
        for n, (k, f) in enumerate(gradients.items())
    )
    if not wrong or not found or (by_norm and all(0 < factor <= scale for factor in factors)):
        return []
    for mistake in (m for m in MISTAKES[layout.case.network] if m.large):
        for limit in (largest, 1.0, 5.0, 10.0):
            changed = mistake._replace(wrong=mistake.wrong.replace("clip_at(5.0,", f"clip_at({limit / scale!r},"))
            reference = outputs(layout.case, (changed,))
            if reference is None:
                continue
            expected = layout.expected(reference)
            if all(fits(expected, k, f.value) for k, f in gradients.items()):
                arrays = ", ".join(gradients[k].name for k in wrong)
                return [Named(mistake.name, arrays, mistake.equation, mistake.explanation)]
    arrays = ", ".join(gradients[k].name for k in wrong)
    return [Named("clipped-before-summed", arrays, label(layout, wrong[0]),
                  "The gradients are right as long as they are small, and wrong where they are large: they are clipped "
                  "before all their parts are added. Clip the sums, once, at the end.")]  # fmt: skip
