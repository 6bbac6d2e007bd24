"""Check a learner's backward pass: run it in every layout that it can have, and name what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.errors import ConfigError
from charrnn.learning.case import LARGE, OVERFLOW
from charrnn.learning.diagnosis import TOLERANCE, Diagnosis, Named, compare, diagnose, label, outputs
from charrnn.learning.isolation import CheckCrashError, CheckTimeoutError, Outcome, Program, run_isolated
from charrnn.learning.layouts import STYLES, Layout, reordered
from charrnn.learning.mistakes import MISTAKES
from charrnn.learning.observed import STATES, Found, differs, observed
from charrnn.learning.reading import framework_of, read_functions
from charrnn.learning.report import Checked, Report
from charrnn.learning.source import program_of, read_program
from charrnn.learning.tasks import Caller, Task, UnknownNamesError, find_tasks
from charrnn.settings import nearest

Result = tuple[Diagnosis, Layout, dict[str, Found]]
SECONDS = 10.0
LONGEST = 1.5  # seconds of computing for generated mistakes in a layout
SHALLOW = 8  # layouts in which single mistakes are tried
DEEP = 2  # layouts in which generated mistakes and pairs are tried


def check(function: Callable[..., Any], like: str | None = None, *, seconds: float = SECONDS) -> Report:
    """Check the backward pass of a recurrent network, and name the mistake.

    Parameters
    ----------
    function : function
        A backward pass, or a function that returns a loss and its gradients, of a vanilla RNN, LSTM or GRU. What it
        needs, such as the forward pass of its name, is found beside it. It runs in a process of its own.
    like : {"dd2424", "min-char-rnn", "cs231n", "coursera", "plain"}, optional
        The style of its arguments; by default every style is tried.
    seconds : float
        The time limit.

    Returns
    -------
    Report
        Its `verdict` is "right" or "wrong"; `mistakes` have a name, an array, an equation and an explanation.

    Raises
    ------
    ConfigError
        The function cannot be called, does not finish, or is not a backward pass.
    """
    program, name = program_of(function)
    return check_program(program, name, like, seconds)


def check_file(path: Path, function: str | None = None, like: str | None = None, *, seconds: float = SECONDS) -> Report:
    """Check a function of a file, or every backward pass in it: see `check`."""
    return check_program(Program(read_program(path), str(path), str(path.resolve().parent)), function, like, seconds)


def check_program(program: Program, function: str | None, like: str | None, seconds: float) -> Report:
    """Check a program whose source is given."""
    if like is not None and like not in STYLES:
        raise ConfigError(f"style '{like}' is not known{nearest(like, STYLES)}")
    functions = read_functions(program.source, program.path)
    framework = framework_of(program.source)
    try:
        return _check_tasks(program, find_tasks(functions, function, program.path), like, seconds)
    except (CheckTimeoutError, CheckCrashError):
        raise
    except ConfigError:
        if not framework:
            raise
        raise ConfigError(
            f"'{program.path}' uses {framework}, which computes gradients by itself: check takes a backward pass that "
            "is written by hand, for NumPy arrays"
        ) from None


def _check_tasks(program: Program, tasks: list[Task], like: str | None, seconds: float) -> Report:
    checked: list[Checked] = []
    refused: list[tuple[str, ConfigError]] = []  # of something else than a recurrent network, perhaps
    failed: list[tuple[str, ConfigError]] = []
    for task in tasks:
        found = _tried(program, task, like, seconds)
        if isinstance(found, Checked):
            checked.append(found)
        else:
            (refused if isinstance(found, UnknownNamesError) else failed).append((task.backward.name, found))
    if not checked or (failed and not any(c.mistakes for c in checked)):
        raise (failed or refused)[0][1]
    return Report(program.path, tuple(checked), tuple((name, str(error)) for name, error in [*refused, *failed]))


def _tried(program: Program, task: Task, like: str | None, seconds: float) -> Checked | ConfigError:
    try:
        return _check_task(program, task, like, seconds)
    except ConfigError as error:
        return error


def _check_task(program: Program, task: Task, like: str | None, seconds: float) -> Checked:
    caller = Caller(task)
    tried, plans = caller.plans(caller.layouts(like))
    if not tried:
        raise UnknownNamesError(
            f"'{task.backward.name}': the names of its parameters are not known: call them U, W, b, V, c, or Wxh, "
            "Whh, bh, Why, by, or as your course does"
        )
    outcomes = run_isolated(program, plans, caller.arrays, seconds)
    results = _compared(task, tried, outcomes)
    for turned in (True, False):  # then with other gates first
        if results and results[0][0].clean:
            break
        more = caller.layouts(like, turned=True) if turned else reordered(r[1] for r in results if like != "cs231n")
        others, plans = caller.plans(more)
        if others:
            again = run_isolated(program, plans, caller.arrays, seconds)
            results = sorted(results + _compared(task, others, again), key=lambda r: r[0].cost)
    if not results:
        raise ConfigError(_cannot_run(program, task, outcomes))
    if not results[0][0].clean:
        shallow = [(diagnose(layout, found), layout, found) for _, layout, found in results[:SHALLOW]]
        results = sorted(shallow, key=lambda r: r[0].cost)
    best, layout, found = results[0]
    if best.unexplained:
        deeper = []
        for _, layout, found in results[:DEEP]:
            deeper.append((diagnose(layout, found, time.process_time() + LONGEST), layout, found))
            if not deeper[-1][0].unexplained:
                break
        best, layout, found = min(deeper, key=lambda r: r[0].cost)
    named = list(best.mistakes)
    warnings: list[Named] = []
    if not best.unexplained and not named:
        named, warnings = _with_other_numbers(program, task, caller, layout, best, seconds)
    if best.unexplained:
        named = _located(best, layout, found, named)
    missing = tuple(name for _, name in layout.naming.names if name not in found and name in layout.expected(outputs(
        layout.case, ()) or {}))  # fmt: skip
    return Checked(
        task.backward.name, layout.case.network, tuple(named), tuple(warnings), compare(layout, found).right, missing
    )


def _compared(task: Task, tried: list[Layout], outcomes: list[Outcome]) -> list[Result]:
    """What ran, compared with the reference, the best first."""
    results: list[Result] = []
    for layout, outcome in zip(tried, outcomes, strict=True):
        reference = None if outcome.error else outputs(layout.case, ())
        if reference is not None:
            found = observed(task, layout, outcome, layout.expected(reference))
            if any(key not in ("$loss", *STATES) for key in found):
                results.append((compare(layout, found), layout, found))
    return sorted(results, key=lambda r: r[0].cost)


def _located(best: Diagnosis, layout: Layout, found: dict[str, Found], named: list[Named]) -> list[Named]:
    """Name the arrays that no mistake explains."""
    keys = {f.name: key for key, f in found.items()}
    by_equation: dict[str, list[str]] = {}
    for name in best.unexplained:
        by_equation.setdefault(label(layout, keys.get(name, "")), []).append(name)
    right = f"Right are {', '.join(best.right)}." if best.right else "No array is right."
    located = [
        Named("not-identified", ", ".join(names), equation,
              f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} wrong, in a way that no known mistake explains. "
              + right)
        for equation, names in by_equation.items()
    ]  # fmt: skip
    return [*(named if len(best.right) > len(best.unexplained) else []), *located]


def _cannot_run(program: Program, task: Task, outcomes: list[Outcome]) -> str:
    """Why no layout worked: the error of the run that came furthest, the most frequent where several did."""
    furthest = max(len(o.results) for o in outcomes)
    errors = [o.error for o in outcomes if o.error and len(o.results) == furthest]
    if not errors:
        return (f"'{program.path}': '{task.backward.name}' returned no gradient whose name or shape is known: return "
                "them in a dictionary, or by names such as dWxh")  # fmt: skip
    return f"'{program.path}': '{task.backward.name}' could not be run: {max(set(errors), key=errors.count)}"


def _with_other_numbers(
    program: Program, task: Task, caller: Caller, layout: Layout, best: Diagnosis, seconds: float
) -> tuple[list[Named], list[Named]]:
    """Gradients so large that clipping shows, and logits so large that a softmax can overflow."""
    kinds = [LARGE] + ([OVERFLOW] if layout.case.kind == "loss" else [])
    others = [replace(layout, case=replace(layout.case, numbers=numbers)) for numbers in kinds]
    outcomes = run_isolated(program, [caller.plan(other) for other in others], caller.arrays, seconds)
    found: list[dict[str, Found]] = []
    for other, outcome in zip(others, outcomes, strict=True):
        reference = outputs(other.case, ())
        assert reference is not None
        found.append({} if outcome.error else observed(task, other, outcome, other.expected(reference)))
    named, warnings = _clipping(others[0], found[0], best.scale), []
    if len(others) > 1 and not all(np.isfinite(f.value).all() for k, f in found[1].items() if k != "$loss"):
        warnings.append(
            Named("softmax-overflow", "loss", "readout.2",
                  "Logits above 709 overflow: exp(o) is infinite. Subtract the largest logit first; it changes no "
                  "probability.")
        )  # fmt: skip
    return named, warnings


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
