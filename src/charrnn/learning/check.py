"""Check a learner's backward pass: run it in every layout that it can have, and name what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.errors import ConfigError
from charrnn.learning.by_array import Named, label, outputs
from charrnn.learning.diagnosis import Diagnosis, compare, diagnose
from charrnn.learning.isolation import CheckCrashError, CheckTimeoutError, Outcome, Program, run_isolated
from charrnn.learning.layouts import STYLES, Layout, reordered, with_forget_bias
from charrnn.learning.observed import STATES, Found, observed
from charrnn.learning.other_numbers import with_other_numbers
from charrnn.learning.reading import framework_of, read_functions
from charrnn.learning.report import Checked, Report
from charrnn.learning.rules import LIKE, check_rule, find_rules
from charrnn.learning.rules import Found as FoundRule
from charrnn.learning.source import program_of, read_program
from charrnn.learning.tasks import Caller, Task, UnknownNamesError, find_tasks
from charrnn.settings import nearest

Result = tuple[Diagnosis, Layout, dict[str, Found]]
SECONDS = 10.0
LONGEST = 1.2  # seconds of computing for generated mistakes in a layout
SHALLOW = 8  # layouts in which single mistakes are tried
DEEP = 2  # layouts in which generated mistakes and pairs are tried


def check(function: Callable[..., Any], like: str | None = None, *, seconds: float = SECONDS) -> Report:
    """Check a backward pass, an update rule or a sampler, and name the mistake.

    Parameters
    ----------
    function : function
        A backward pass, or a function that returns a loss and its gradients, of a vanilla RNN, LSTM or GRU; or an
        update rule or a sampler. What it needs, such as the forward pass of its name, is found beside it. It runs in a
        process of its own.
    like : str, optional
        The style of its arguments, "dd2424", "min-char-rnn", "cs231n", "coursera" or "plain"; by default every style is
        tried. Or the rule that it follows, "adam", "rmsprop", "adagrad", "momentum", "sgd" or "sampling"; by default
        its name says.
    seconds : float
        The time limit.

    Returns
    -------
    Report
        Its `verdict` is "right" or "wrong"; `mistakes` have a name, an array, an equation and an explanation.

    Raises
    ------
    ConfigError
        The function cannot be called, does not finish, or is none of these.
    """
    program, name = program_of(function)
    return check_program(program, name, like, seconds)


def check_file(path: Path, function: str | None = None, like: str | None = None, *, seconds: float = SECONDS) -> Report:
    """Check a function of a file, or every backward pass in it: see `check`."""
    return check_program(Program(read_program(path), str(path), str(path.resolve().parent)), function, like, seconds)


def check_program(program: Program, function: str | None, like: str | None, seconds: float) -> Report:
    """Check a program whose source is given."""
    if like is not None and like not in (*STYLES, *LIKE):
        raise ConfigError(f"style '{like}' is not known{nearest(like, [*STYLES, *LIKE])}")
    functions = read_functions(program.source, program.path)
    rules = find_rules(functions, function, like) if like is None or like in LIKE else []
    if like in LIKE and not rules:
        raise ConfigError(
            f"'{program.path}': no function follows '{like}' by its name or arguments: name one as FILE.py:FUNCTION"
        )
    tasks: list[Task] = []
    try:
        named = {rule.function.name for rule in rules}
        passes = {} if rules and (function or like in LIKE) else {k: f for k, f in functions.items() if k not in named}
        tasks = find_tasks(passes, None if rules else function, program.path, bool(rules))
        return _check_tasks(program, tasks, rules, like, seconds)
    except (CheckTimeoutError, CheckCrashError):
        raise
    except ConfigError:
        framework = framework_of(program.source, [task.backward.source for task in tasks])
        if not framework or rules:
            raise
        raise ConfigError(
            f"'{program.path}' uses {framework}, which computes gradients by itself: check takes a backward pass that "
            "is written by hand, for NumPy arrays"
        ) from None


def _check_tasks(
    program: Program, tasks: list[Task], rules: list[FoundRule], like: str | None, seconds: float
) -> Report:
    checked: list[Checked] = []
    refused: list[tuple[str, ConfigError]] = []  # of something else than a recurrent network, perhaps
    failed: list[tuple[str, ConfigError]] = []
    everything: list[Task | FoundRule] = [*tasks, *rules]
    for each in everything:
        found = _tried(program, each, like, seconds)
        if isinstance(found, Checked):
            checked.append(found)
        else:
            name = each.backward.name if isinstance(each, Task) else each.function.name
            others = isinstance(found, UnknownNamesError) or not isinstance(each, Task)
            (refused if others else failed).append((name, found))
    if not checked or (failed and not any(c.mistakes for c in checked)):
        raise (failed or refused)[0][1]
    return Report(program.path, tuple(checked), tuple((name, str(error)) for name, error in [*refused, *failed]))


def _tried(program: Program, each: Task | FoundRule, like: str | None, seconds: float) -> Checked | ConfigError:
    try:
        return (
            _check_task(program, each, like, seconds) if isinstance(each, Task) else check_rule(program, each, seconds)
        )
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
    ran = dict(zip(tried, outcomes, strict=True))
    results = _compared(task, ran)
    for turned in (True, False):  # then with other gates first
        if results and results[0][0].clean:
            break
        more = caller.layouts(like, turned=True) if turned else reordered(_shaped(results) if like != "cs231n" else ())
        others, plans = caller.plans(more)
        if others:
            again = run_isolated(program, plans, caller.arrays, seconds)
            ran |= dict(zip(others, again, strict=True))
            results = _compared(task, ran)
    if not (results and results[0][0].clean):
        results = sorted(results + _compared(task, with_forget_bias(ran)), key=lambda r: r[0].cost)
    results = _distinct(_likeliest(_in_lanes(results)))
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
        named, warnings = with_other_numbers(program, task, caller, layout, best, seconds)
    if best.unexplained:
        named = _located(best, layout, found, named)
    missing = tuple(name for _, name in layout.naming.names if name not in found and name in layout.expected(outputs(
        layout.case, ()) or {}))  # fmt: skip
    return Checked(
        task.backward.name, layout.case.network, tuple(named), tuple(warnings), compare(layout, found).right, missing
    )


def _in_lanes(results: list[Result]) -> list[Result]:
    """Only what ran with several lanes, if the loss is right there: one lane hides what is wrong between lanes."""
    lanes = [
        r
        for r in results
        if r[1].inputs == "TKB"
        and "$loss" in r[2]
        and r[2]["$loss"].name in r[0].right
        and all(_fits(r[1], k, f) for k, f in r[2].items())
    ]
    return lanes if lanes and results[0][1].inputs == "TK1" else results


def _shaped(results: list[Result]) -> list[Layout]:
    """The layouts in which every array has its shape."""
    return [layout for _, layout, found in results if all(_fits(layout, k, f) for k, f in found.items())]


def _likeliest(results: list[Result]) -> list[Result]:
    """Without layouts in which the loss or the states are wrong, if they are right in others."""
    right = [r for r in results if any(k in r[2] and r[2][k].name in r[0].right for k in ("$loss", *STATES))]
    return right or results


def _distinct(results: list[Result]) -> list[Result]:
    """Of layouts that differ in the shape of vectors alone, the best."""
    first: dict[Layout, Result] = {}
    for result in results:
        first.setdefault(replace(result[1], vectors="flat", states="flat"), result)
    return list(first.values())


def _fits(layout: Layout, key: str, found: Found) -> bool:
    """Whether an array has its shape."""
    reference = outputs(layout.case, ())
    return bool(reference and np.squeeze(layout.expected(reference)[key]).shape == np.squeeze(found.value).shape)


def _compared(task: Task, ran: dict[Layout, Outcome]) -> list[Result]:
    """What ran, compared with the reference, the best first."""
    results: list[Result] = []
    for layout, outcome in ran.items():
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
