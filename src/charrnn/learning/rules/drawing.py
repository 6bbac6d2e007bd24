"""Runs a learner's sampler, with each of its settings in turn, and compares what it gives with the definition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from charrnn.errors import ConfigError
from charrnn.learning.by_array import TOLERANCE, Named
from charrnn.learning.isolation import Outcome, Program, run_isolated
from charrnn.learning.observed import differs
from charrnn.learning.report import Checked
from charrnn.learning.rules.finding import INPUTS, Found
from charrnn.learning.rules.sampling import SAMPLING, sampling

LOGITS = np.array([1.2, -0.3, 2.0, 0.4, -1.5, 0.9, -0.8])
DRAWS = 1500
SURPRISING = 70.0  # χ² of 6 degrees of freedom that no honest sampler reaches
NEUTRAL: dict[str, Any] = {"temperature": 1.0, "top_k": len(LOGITS), "top_p": 1.0}
TRIED: dict[str, Any] = {"temperature": 0.5, "top_k": 3, "top_p": 0.7}
SHAPES = {"flat": (-1,), "column": (-1, 1), "row": (1, -1)}


def check_sampler(program: Program, found: Found, seconds: float) -> Checked:
    """Say whether a sampler is right.

    Raises
    ------
    ConfigError
        It cannot be run.
    """
    settings = [s for s in NEUTRAL if s in found.slots.values()] or ["draw"]
    named: list[Named] = []
    right: list[str] = []
    for setting in settings:
        mistake = _of(program, found, setting, seconds)
        if mistake is None:
            right.append(setting)
        elif not any(m.name == mistake.name and m.equation == mistake.equation for m in named):
            named.append(mistake)
    return Checked(found.function.name, "", tuple(named), (), tuple(right), rule="sampling")


def _of(program: Program, found: Found, setting: str, seconds: float) -> Named | None:
    """What is wrong with one setting; None if nothing is."""
    got: list[Any] = []
    errors: list[str] = []
    for shape in SHAPES:
        arrays: dict[str, Any] = {}
        plans = [_plan(found, form, setting, arrays) for form in _forms(found, shape)]
        outcomes = run_isolated(program, plans, arrays, seconds)
        got = [value for o in outcomes if (value := _given(o)) is not None]
        errors += [o.error for o in outcomes if o.error]
        if got:  # with another shape it would do something else
            break
    if not got:
        why = errors[0] if errors else "it returned neither probabilities nor the id of a character"
        raise ConfigError(f"'{program.path}': '{found.function.name}' could not be run: {why}")
    values = {**NEUTRAL, **({setting: TRIED[setting]} if setting in TRIED else {})}
    definition = SAMPLING[setting].definition
    if any(_equal(value, definition(LOGITS, **values)) for value in got):
        return None
    array = next((name for name, slot in found.slots.items() if slot == setting), "result")
    for mistake, wrong in SAMPLING[setting].wrong():
        with np.errstate(all="ignore"):
            expected = wrong(LOGITS, **values)
        if any(_equal(value, expected) for value in got):
            return Named(mistake.name, array, mistake.equation, mistake.explanation)
    shown = [", ".join(f"{p:.2g}" for p in np.ravel(each)) for each in (_shares(got[0]), sampling(LOGITS, **values))]
    if len(got[0]) == DRAWS and np.all(got[0] == got[0][0]):
        always = "Every draw gives the same character: a seed is set at every call, or a generator made there."
        return Named("always-the-same", array, "sampling.4", always)
    said = f"The probabilities are {shown[0]}; right are {shown[1]}, in a way that no known mistake explains."
    return Named("not-identified", array, SAMPLING[setting].equation, said)


def _shares(value: Any) -> Any:
    """Probabilities, or how often each character was drawn."""
    return np.bincount(value.astype(int), minlength=len(LOGITS))[: len(LOGITS)] / len(value) if len(value) == DRAWS \
        else value  # fmt: skip


def _equal(value: Any, expected: Any) -> bool:
    """Whether a distribution is the one expected: exactly, as logits, or as draws make it likely."""
    if not np.isfinite(expected).all() or (expected < 0).any():
        return False
    if len(value) == DRAWS:
        if not (np.all(value == np.round(value)) and value.min() >= 0 and value.max() < len(LOGITS)):
            return False
        counts, means = np.bincount(value.astype(int), minlength=len(LOGITS)), DRAWS * expected
        if counts[means == 0].any() or not np.isclose(expected.sum(), 1):
            return False
        return bool(((counts - means)[means > 0] ** 2 / means[means > 0]).sum() < SURPRISING)
    if differs(value, expected) <= TOLERANCE:
        return True
    removed = np.isneginf(value) if np.isneginf(value).any() else value < -1e8
    with np.errstate(all="ignore"):
        kept = np.where(removed, 0, np.exp(value - value.max()))
    return (
        bool(removed.any() or value.min() < 0 or value.max() > 1) and differs(kept / kept.sum(), expected) <= TOLERANCE
    )


def _given(outcome: Outcome) -> Any | None:
    """What the sampler gave: V numbers, or DRAWS ids; None if it gave nothing of the kind."""
    if outcome.error or not outcome.results:
        return None
    for value in outcome.results[0].values():
        if value.size in (len(LOGITS), DRAWS):
            return np.ravel(value)
    return None


def _forms(found: Found, shape: str) -> Iterator[tuple[str, str, str]]:
    """Logits or probabilities; flat, a column or a row; which generator."""
    slot = next(s for s in found.slots.values() if s in INPUTS)
    for kind in ("logits", "probs") if slot == "either" else (slot,):
        for generator in ("Generator", "RandomState") if "rng" in found.slots.values() else ("",):
            yield kind, shape, generator


def _plan(found: Found, form: tuple[str, str, str], setting: str, arrays: dict[str, Any]) -> dict[str, Any]:
    kind, shape, generator = form
    e = np.exp(LOGITS)
    arrays[f"{kind}-{shape}"] = (LOGITS if kind == "logits" else e / e.sum()).reshape(SHAPES[shape])
    values = {**NEUTRAL, **TRIED} if setting == "draw" else {**NEUTRAL, setting: TRIED[setting]}
    values |= {slot: {"$array": f"{kind}-{shape}"} for slot in INPUTS}
    values |= {"rng": {"$kept": "rng"}, "seed": {"$count": 0}}
    f = found.function
    given = {
        n: values[s] for n, s in found.slots.items() if s and (n not in f.optional or s in (setting, "rng", "seed"))
    }
    kept = {"rng": {"$rng": generator}} if generator else {}
    call = {"function": f.name, "arguments": given, "repeat": DRAWS}
    return {"globals": {}, "boxed": {}, "kept": kept, "calls": [call]}
