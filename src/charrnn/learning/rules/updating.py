"""Runs a learner's update rule for three steps, and compares the steps with those of the definition."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from charrnn.errors import ConfigError
from charrnn.learning.by_array import TOLERANCE, Named
from charrnn.learning.isolation import Outcome, Program, run_isolated
from charrnn.learning.names import is_one_of
from charrnn.learning.observed import differs
from charrnn.learning.report import Checked
from charrnn.learning.rules.finding import UPDATE_ARGUMENTS, Found, slot_returned
from charrnn.learning.rules.updates import FIRST_ARRAY, UPDATES

STEPS, RATE = 3, 0.01
THETA = np.array([0.3, -1.2, 0.7, 2.0, -0.4, 0.9, 1.5, -0.6])
GRADIENTS = np.array([[3.0, -7.0, 1.5, 12.0, -2.5, 4.0, 9.0, -1.25], [-2.0, -5.0, 6.0, 8.0, 1.75, 10.0, -3.0, 2.0],
                      [5.0, 2.5, -4.0, 11.0, -6.0, 1.5, 7.0, 3.0]])  # fmt: skip
BETAS = {"adam": (0.9, 0.999), "rmsprop": (0.9, 0.99), "adagrad": (0.9, 0.999), "momentum": (0.9, 0.999),
         "sgd": (0.9, 0.999)}  # fmt: skip
OTHERS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)  # of programs that have constants of their own
FORMS: tuple[tuple[str, ...], ...] = (  # one array, a list, dictionaries: names of parameters, and of the others
    (), ("list",), ("W", "b", "W", "b"), ("W1", "b1", "dW1", "db1"), ("W1", "b1", "W1", "b1"), ("W", "b", "dW", "db"),
)  # fmt: skip


def check_update(program: Program, found: Found, seconds: float) -> Checked:
    """Say whether an update rule is right.

    Raises
    ------
    ConfigError
        It cannot be run.
    """
    arrays: dict[str, Any] = {}
    forms = [(form, config) for form in FORMS for config in ((False, True) if _configured(found) else (False,))]
    plans = [_plan(found, form, config, arrays, GRADIENTS) for form, config in forms]
    outcomes = run_isolated(program, plans, arrays, seconds)
    ran = [(form, steps) for form, o in zip(forms, outcomes, strict=True) if (steps := _steps(o)) is not None]
    if not ran:
        errors = [o.error for o in outcomes if o.error]
        why = errors[0] if errors else "it returned no parameters, and did not change those that it took"
        raise ConfigError(f"'{program.path}': '{found.function.name}' could not be run: {why}")
    rule = UPDATES[_which(found)]
    named: list[Named] = []
    for form, steps in ran:
        mistake = _mistake(found, steps)
        if mistake is None:
            named = _with_zeros(program, found, form, seconds)
            break
        named = [mistake] if not named or named[0].name in ("not-identified", "not-updated") else named
    return Checked(found.function.name, "", tuple(named), (), () if named else ("theta",), rule=rule.title)


def _which(found: Found) -> str:
    """Plain gradient descent has no memory; with one it has momentum."""
    return "momentum" if found.rule == "sgd" and found.remembers else found.rule


def _configured(found: Found) -> bool:
    return "config" in found.slots.values()


def _betas(found: Found) -> Iterator[tuple[float, float]]:
    first, second = BETAS[found.rule]
    given = {slot for f, slots in ((found.function, found.slots), (found.maker, found.maker_slots)) if f
             for name, slot in slots.items() if name not in f.optional}  # fmt: skip
    yield first, second
    for pair in product((first,) if "beta1" in given else OTHERS, (second,) if "beta2" in given else OTHERS):
        if pair != (first, second):
            yield pair


def _mistake(found: Found, steps: Any) -> Named | None:
    """What is wrong with the three steps; None if nothing is."""
    name = _which(found)
    rule = UPDATES[name]
    pairs = list(_betas(found))
    if any(differs(steps, _run(right, pair)) <= TOLERANCE for pair in pairs for right in rule.right()):
        return None
    likely = pairs if name != "adam" else [pair for pair in pairs if pair[0] in (0.8, 0.9)]
    parameter = _parameter(found)
    for mistake, wrong in rule.wrong():
        for pair in likely[:1] if name in ("adagrad", "sgd") else likely:
            with np.errstate(all="ignore"):
                made = _run(wrong, pair)
            if np.array_equal(np.isfinite(made), np.isfinite(steps)) and (
                differs(np.nan_to_num(steps, posinf=1, neginf=-1), np.nan_to_num(made, posinf=1, neginf=-1))
                <= TOLERANCE
            ):
                return Named(mistake.name, parameter, mistake.equation, mistake.explanation)
    right = _run(rule.definition, pairs[0])
    same = np.isclose(steps, right, rtol=TOLERANCE).all(axis=0)
    if same.any() and not steps[:, ~same].any():
        return Named("not-updated", parameter, rule.equation,
                     "Some of the parameters do not change. Update every array.")  # fmt: skip
    first = next(k for k in range(STEPS) if not differs(steps[k], right[k]) <= TOLERANCE)
    moved, wanted = _numbers(steps[first], right[first])
    said = (
        f"Step {first + 1} moves the parameters by {moved}; right is {wanted}, in a way that no known mistake explains."
    )
    return Named("not-identified", parameter, rule.equation, said)


def _parameter(found: Found) -> str:
    """What the program calls the parameters."""
    return next(n for n, s in {**found.maker_slots, **found.slots}.items() if s == "theta")


def _numbers(values: Any, others: Any) -> list[str]:
    """The first three of each that are far apart, with as many digits as show it."""
    distance = np.nan_to_num(np.abs(values - others), nan=np.inf)
    apart = np.flatnonzero(distance >= distance.max() / 2)[:3]
    for digits in range(3, 18):
        shown = [", ".join(f"{v:.{digits}g}" for v in each[apart]) + ", …" for each in (values, others)]
        if shown[0] != shown[1]:
            break
    return shown


def _run(definition: Any, betas: tuple[float, float]) -> Any:
    """The steps (STEPS, P) that a definition takes."""
    theta, m, v = THETA, np.zeros_like(THETA), np.zeros_like(THETA)
    steps = []
    for t, g in enumerate(GRADIENTS, 1):
        before = theta
        theta, m, v = definition(theta, g, m, v, t, RATE, *betas)
        steps.append(theta - before)
    return np.array(steps)


def _with_zeros(program: Program, found: Found, form: Any, seconds: float) -> list[Named]:
    """Whether a gradient that is always zero divides 0 by 0."""
    arrays: dict[str, Any] = {}
    gradients = GRADIENTS * (np.arange(len(THETA)) != 2)
    outcome, *_ = run_isolated(program, [_plan(found, form[0], form[1], arrays, gradients)], arrays, seconds)
    steps = _steps(outcome)
    if steps is None or np.isfinite(steps).all():
        return []
    rule = UPDATES[_which(found)]
    return [Named("epsilon-missing", _parameter(found), rule.equation,
                  "A parameter whose gradient is zero, such as that of a character which did not occur, gets 0 / 0. "
                  "Add ε to the root.")]  # fmt: skip


def _steps(outcome: Outcome) -> Any | None:
    """How the parameters moved (STEPS, P); None if the program did not run."""
    if outcome.error or len(outcome.results) != STEPS:
        return None
    places = [THETA]
    for result in outcome.results:
        parts = [np.ravel(a) for path, a in result.items() if path == "/theta" or path.startswith("/theta/")]
        whole = np.concatenate(parts) if parts else np.zeros(0)
        if whole.shape != THETA.shape:
            return None
        places.append(whole)
    return np.diff(np.array(places), axis=0)


def _plan(found: Found, form: tuple[str, ...], full: bool, arrays: dict[str, Any], gradients: Any) -> dict[str, Any]:
    """Three calls, in which what is kept goes from one to the next."""

    def box(flat: Any, other: bool) -> Any:
        if not form:
            return _array(flat, arrays)
        parts = [_array(flat[:FIRST_ARRAY].reshape(2, -1), arrays), _array(flat[FIRST_ARRAY:], arrays)]
        return parts if form == ("list",) else dict(zip(form[2:] if other else form[:2], parts, strict=True))

    zero = np.zeros_like(THETA)
    config: dict[str, Any] = {"learning_rate": RATE}
    if full:
        more = {name: box(zero, True) for name in ("m", "v", "velocity", "cache")}
        config |= {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "momentum": 0.9, "decay_rate": 0.99, "t": 0, **more}
    kept = {"theta": box(THETA, False), "m": box(zero, True), "v": box(zero, True), "config": config}
    returned = _returned(found)
    calls = []
    for t, g in enumerate(gradients, 1):
        values = {"g": box(g, True), "t": t, "rate": RATE, "eps": 1e-8, "zero": 0.0, "beta1": BETAS[found.rule][0],
                  "beta2": BETAS[found.rule][1], **{slot: {"$kept": slot} for slot in kept}}  # fmt: skip
        arguments = _arguments(found.function, found.slots, values)
        if found.maker is not None or "." in found.function.name:
            given = _arguments(found.maker, found.maker_slots, values) if found.maker else {}
            owner = {"$object": found.function.name.partition(".")[0], "given": given, "sizes": {}, "parameters": {}}
            arguments = {found.function.parameters[0]: owner, **arguments}
        calls.append({"function": found.function.name, "arguments": arguments, "keeps": returned})
    rates = {name: RATE for name in found.function.free if is_one_of(name, UPDATE_ARGUMENTS["rate"])}
    return {"globals": rates, "boxed": {}, "kept": kept, "calls": calls}


def _arguments(f: Any, slots: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    """What is not optional, and what a default would hide: the state and the rate."""
    needed = ("theta", "g", "m", "v", "t", "rate", "config", "zero")
    return {n: values[s] for n, s in slots.items() if s and (n not in f.optional or s in needed)}


def _returned(found: Found) -> dict[str, int | None]:
    """Where in what the function returns the state is; what it does not return, it changes in place."""
    names = found.function.returns
    if len(names) <= 1:
        slot = (slot_returned(found, names[0]) or "theta") if names else ""
        return {slot: None} if slot else {}
    places = {slot: k for k, name in enumerate(names) if (slot := slot_returned(found, name))}
    kept = {*found.slots.values()} & {"theta", "m", "v", "config"}
    left = [k for k in range(len(names)) if k not in places.values() and not names[k]]
    for slot in (s for s in ("theta", "m", "v", "config") if s in kept and s not in places):
        if left:
            places[slot] = left.pop(0)
    return dict(places)


def _array(value: Any, arrays: dict[str, Any]) -> dict[str, str]:
    name = f"a{len(arrays)}"
    arrays[name] = np.array(value)
    return {"$array": name}
