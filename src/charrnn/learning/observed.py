"""Which array is which in what a program returned: by the names in its `return` and dictionaries, then by shape."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from charrnn.learning.isolation import Outcome
from charrnn.learning.layouts import Layout
from charrnn.learning.names import OUTPUTS, PARTS, is_one_of, plain, without_d
from charrnn.learning.tasks import Task

STATES = ("$last", "$last_c", "$h")


class Found(NamedTuple):
    """An array that the program returned."""

    name: str  # as the program calls it
    value: Any


def observed(task: Task, layout: Layout, outcome: Outcome, expected: dict[str, Any]) -> dict[str, Found]:
    """Returned arrays by what they are: a parameter's name for its gradient; $loss, $h, $last, $x, $h0, $c0."""
    functions = [f for f in (task.forward, task.backward) if f]
    result: dict[str, Found] = {}
    given = layout.parameters(layout.case.data())
    rest: list[tuple[str, Any, bool]] = []
    for number, (function, arrays) in enumerate(zip(functions, outcome.results, strict=True)):
        forward_only = number == 0 and len(functions) > 1
        for path, value in arrays.items():
            keys = path.strip("/").split("/")
            name = keys[-1]
            if not keys[0].isdigit():
                depth = len(keys)
            else:
                place = int(keys[0])
                top = function.returns[place] if place < len(function.returns) else ""
                depth = len(keys) - 1
                if depth == 1 and "|" in top and name.isdigit():
                    name = [*top.split("|"), *[""] * int(name)][int(name)]
                name = top if depth == 0 else name
            if forward_only and depth > 0:
                continue  # the inside of a cache
            if depth > 0 and any(np.array_equal(value, p) for k, p in given.items() if plain(k) == plain(name)):
                continue  # the parameter itself, in an object that holds its gradient as well
            key = _role(name, depth > 0, value, expected, forward_only)
            if key and key in result and depth > 0:
                continue
            if key and (key not in result or not forward_only):
                result[key] = Found(name, value)
            elif not key and not forward_only:
                rest.append((name or f"result {path.strip('/')}", value, depth > 0))
    for k, (name, value, _) in enumerate(rest):
        fits = [k for k, e in expected.items() if k not in result and k not in STATES and _same_shape(value, e)]
        if not (name.startswith("result ") or name.isdigit() or without_d(name)):  # a name of something else
            fits = [k for k in fits if not k.startswith("$")]
        if len(fits) == 1 or (fits and not fits[0].startswith("$") and fits[1].startswith("$")):
            result[fits[0]] = Found(name, value)
        elif fits and len(fits) == sum(_same_shape(v, value) for _, v, _ in rest[k:]):
            result[fits[0]] = Found(name, value)  # as many as there are places: in the order of the parameters
    unnamed = {k: f for k, f in result.items() if f.name.isdigit() and not k.startswith("$")}
    return result | {k: Found(f"d{k}", f.value) for k, f in unnamed.items()}


def _role(name: str, inside: bool, value: Any, expected: dict[str, Any], forward_only: bool) -> str:
    base = without_d(name)
    parameters = {plain(k): k for k in expected if not k.startswith("$")}
    if not forward_only:
        for candidate in (base, name if inside else None):
            if candidate and plain(candidate) in parameters:
                return parameters[plain(candidate)]
        for part, known in PARTS.items():
            if base and plain(base) in known.split():
                fits = [p for p in expected if plain(p) in PARTS[part].split()]
                if fits:
                    return fits[0]
        if base:
            for key in ("x", "h0", "c0"):
                if f"${key}" in expected and is_one_of(base, OUTPUTS[key]):
                    return f"${key}"
            return "$h0" if "$c0" not in expected and "$h0" in expected and is_one_of(base, OUTPUTS["c0"]) else ""
    if "$loss" in expected and np.size(value) == 1 and (is_one_of(name, OUTPUTS["loss"]) or not inside):
        return "$loss"
    if inside:
        return ""
    if (
        is_one_of(name, OUTPUTS["h"])
        and _same_shape(value, expected["$h"])
        and np.size(value) > np.size(expected["$last"])
    ):
        return "$h"
    if (is_one_of(name, OUTPUTS["last"]) or is_one_of(name, OUTPUTS["h"])) and _same_shape(value, expected["$last"]):
        return "$last"
    if "$last_c" in expected and is_one_of(name, OUTPUTS["last_c"]) and _same_shape(value, expected["$last_c"]):
        return "$last_c"
    return ""


def _same_shape(a: Any, b: Any) -> bool:
    return bool(np.squeeze(a).shape == np.squeeze(b).shape)


def differs(a: Any, b: Any) -> float:
    """The relative difference of two arrays, whatever their axes of length 1; infinite where shapes differ."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        a, b = np.squeeze(a), np.squeeze(b)
        if a.shape != b.shape:
            return float("inf")
    a, b = a.ravel(), b.ravel()
    d = a - b
    scale = math.sqrt(a @ a) + math.sqrt(b @ b)
    error = math.sqrt(d @ d) / scale if scale else 0.0
    return error if math.isfinite(error) else float("inf")
