"""Runs a learner's program in a process of its own: a script that needs nothing but NumPy.

    python -I runner.py FOLDER PACKAGES

PACKAGES is where NumPy lies, which an isolated interpreter may not find by itself.

FOLDER holds `plans.json` and `arrays.npz`: the program's source and a list of plans, each a list of calls with their
arguments. For each plan the source is loaded again (functions, imports and constants; loops and training are left out).
What its calls return is written to `results.npz` and `results.json`. An audit hook refuses files outside the folder,
other programs and the network: this contains accidents, not malice.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import json
import os
import random
import re
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.append(sys.argv[2])
    for name in ("surroundings", "returned"):  # by their files, so that charrnn itself is not imported
        spec = spec_from_file_location(f"charrnn.learning.{name}", Path(__file__).with_name(f"{name}.py"))
        assert spec
        assert spec.loader
        sys.modules[spec.name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[spec.name])

import numpy as np

from charrnn.learning.returned import BOXES, flattened, limited
from charrnn.learning.surroundings import Draws, Nowhere, guard, sample

MAKES = re.compile("init|make|create|new_|build|param|^[A-Z]")  # what may run when a program is loaded


KEPT = "$kept"  # what goes from one call to the next
MADE = "$made"  # where a plan keeps its object


class Parameters(dict):  # type: ignore[type-arg]
    """A dictionary whose entries are attributes, too: programs write p["W"] or p.W."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def harmless(node: ast.stmt, own: set[str]) -> bool:
    """Whether a statement of the file defines something, and trains nothing."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
        return True
    if isinstance(node, ast.Try):
        return all(isinstance(n, (ast.Import, ast.ImportFrom, ast.Pass, ast.Assign)) for n in node.body)
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
        called = {n.func.id for n in ast.walk(node.value) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        return not {name for name in called & (own | {"input"}) if not MAKES.search(name)}
    if isinstance(node, ast.With):
        return all(isinstance(n, (ast.Assign, ast.Expr)) for n in node.body) and "open" in ast.dump(node.items[0])
    return False


def compiled(source: str, path: str) -> list[Any]:
    """The statements of a program that define something."""
    tree = ast.parse(source, path)
    own = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return [compile(ast.Module([node], []), path, "exec") for node in tree.body if harmless(node, own)]


def load(statements: list[Any], path: str) -> tuple[dict[str, Any], list[str]]:
    """The names that a program defines, and why imports failed."""
    module: dict[str, Any] = {"__name__": "checked", "__file__": path, "open": sample}
    failed: list[str] = []
    for statement in statements:
        with contextlib.suppress(Exception), noting(failed):  # a name that is missing shows when it is used
            exec(statement, module)
    if module["open"] is sample:
        del module["open"]
    return module, list(dict.fromkeys(failed))


@contextlib.contextmanager
def noting(failed: list[str]) -> Iterator[None]:
    """Keep why an import fails."""
    try:
        yield
    except ImportError as error:
        failed.append(str(error))
        raise


def revived(value: Any, arrays: dict[str, Any], done: list[Any], module: dict[str, Any]) -> Any:
    """An argument from its JSON: arrays by name, what earlier calls returned, and plain values."""
    if isinstance(value, dict):
        if "$array" in value:
            return np.array(arrays[value["$array"]])
        if "$kept" in value:
            return module[KEPT][value["$kept"]]
        if "$rng" in value:
            return np.random.default_rng(8) if value["$rng"] == "Generator" else np.random.RandomState(8)
        if "$result" in value:
            step, index = value["$result"]
            return done[step] if index is None else done[step][index]
        if "$object" in value:
            return the_object(value, arrays, done, module)
        if "$params" in value:
            return Parameters({k: revived(v, arrays, done, module) for k, v in value["$params"].items()})
        return {k: revived(v, arrays, done, module) for k, v in value.items()}
    if isinstance(value, list):
        return [revived(v, arrays, done, module) for v in value]
    return value


def the_object(value: dict[str, Any], arrays: dict[str, Any], done: list[Any], module: dict[str, Any]) -> Any:
    """The object whose methods a plan calls, one for all of them, with the parameters of the case."""
    made: Any = module.get(MADE)
    if made is None:
        kind = module[value["$object"]]
        try:
            made = kind(**{k: revived(v, arrays, done, module) for k, v in value["given"].items()})
        except Exception:  # its constructor takes something else
            made = object.__new__(kind)
        for name, size in value["sizes"].items():
            if isinstance(vars(made).get(name, 0), (int, np.integer)):
                setattr(made, name, size)
        for name, given in value["parameters"].items():
            array = revived(given, arrays, done, module)
            if not bound(made, name, array):
                setattr(made, name, array)
        module[MADE] = made
    return made


def with_lists(result: Any, made: Any, parameters: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """A result with the gradients that an object keeps in a list, in the order of its list of parameters."""
    params, grads = getattr(made, "params", None), getattr(made, "grads", None)
    if not (isinstance(params, list) and isinstance(grads, list) and len(params) == len(grads)):
        return result
    values = {name: arrays[given["$array"]] for name, given in parameters.items()}
    names = [next((n for n, v in values.items() if np.array_equal(v, p)), "") for p in params]
    named = {f"d{name}": grad for name, grad in zip(names, grads, strict=True) if name}
    return (*(result if isinstance(result, tuple) else (result,)), named)


def bound(owner: Any, name: str, array: Any, depth: int = 0) -> bool:
    """Put an array in the place that has its name: in an object or a dictionary, or in those that they hold."""
    places = owner if isinstance(owner, dict) else getattr(owner, "__dict__", {})
    same = [key for key in places if isinstance(key, str) and key.replace("_", "") == name.replace("_", "")]
    for key in same:
        if isinstance(places[key], np.ndarray):
            places[key] = array
            return True
        for value, gradient in BOXES:  # an object that holds an array and its gradient
            if hasattr(places[key], value) and hasattr(places[key], gradient):
                setattr(places[key], value, array)
                setattr(places[key], gradient, np.zeros_like(array))
                return True
    inner = [v for k, v in places.items() if isinstance(k, str) and not k.startswith("__") and depth < 2
             and (isinstance(v, dict) or type(v).__module__ == "checked")]  # fmt: skip
    return any(bound(value, name, array, depth + 1) for value in inner)


def drawn(function: Any, call: dict[str, Any], arrays: dict[str, Any], module: dict[str, Any]) -> Any:
    """The distribution that a sampler returns, or what it draws, many times."""
    np.random.seed(8)  # noqa: NPY002  (what programs draw with)
    random.seed(8)
    first, many = None, []
    for number in range(call["repeat"]):
        counted = {k: number if v == {"$count": 0} else v for k, v in call["arguments"].items()}
        given = {k: revived(v, arrays, [], module) for k, v in counted.items()}
        first = np.asarray(function(**given), float)
        if first.size > 1 and sorted(first.ravel())[-2:] != [0, 1]:
            return first
        many.append(first.item() if first.size == 1 else int(np.argmax(first)))
    return np.array(many)


def run(
    plan: dict[str, Any], statements: list[Any], path: str, arrays: dict[str, Any]
) -> tuple[list[dict[str, Any]], str]:
    """What each call of a plan returned, and the error that ended it."""
    done: list[Any] = []
    failed: list[str] = []
    try:
        module, failed = load(statements, path)
        for name, value in plan["globals"].items():
            array = revived(value, arrays, done, module)
            if not isinstance(array, np.ndarray) or not bound(module, name, array):
                module[name] = array
        for name, value in plan["boxed"].items():
            bound(module, name, revived(value, arrays, done, module))
        module[KEPT] = {name: revived(value, arrays, done, module) for name, value in plan.get("kept", {}).items()}
        for call in plan["calls"]:
            given = {k: revived(v, arrays, done, module) for k, v in call["arguments"].items()}
            owner, _, method = call["function"].rpartition(".")
            function = getattr(module[owner], method) if owner else module[method]
            if "repeat" in call:
                done.append(drawn(function, call, arrays, module))
                continue
            done.append(function(**given))
            if "keeps" in call:  # as it is now: a program may change it in place
                for name, place in call["keeps"].items():
                    module[KEPT][name] = done[-1] if place is None else done[-1][place]
                done[-1] = copy.deepcopy(module[KEPT])
                continue
            if owner and (
                done[-1] is None or isinstance(done[-1], (int, float, np.number))
            ):  # the gradients are attributes of the object
                instance = next(iter(given.values()))
                done[-1] = instance if done[-1] is None else (done[-1], instance)
            elif owner:
                instance = next(iter(call["arguments"].values()))
                done[-1] = with_lists(done[-1], module[MADE], instance["parameters"], arrays)
            boxes = {k: v for k, v in module.items() if type(v).__module__ == "checked" and call is plan["calls"][-1]}
            if boxes and not owner:  # … or of objects that hold the parameters
                done[-1] = (*(done[-1] if isinstance(done[-1], tuple) else (done[-1],)), boxes)
    except BaseException as error:
        line = ""
        trace = error.__traceback__
        while trace:
            if trace.tb_frame.f_code.co_filename == path:
                line = f"line {trace.tb_lineno}: "
            trace = trace.tb_next
        said = f"{line}{type(error).__name__}: {error}".rstrip(": ")[:500].replace("\n", " ")
        said += f" ({'; '.join(failed)})" if failed and isinstance(error, NameError) else ""
        return [limited(flattened(r)) for r in done], said
    return [limited(flattened(r)) for r in done], ""


def run_all(work: dict[str, Any], arrays: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Run every plan: for each, its error and its results by name, and the arrays that these name."""
    outcomes: list[Any] = []
    kept: dict[str, Any] = {}
    statements = compiled(work["source"], work["path"])
    with contextlib.redirect_stdout(Nowhere()), contextlib.redirect_stderr(Nowhere()), np.errstate(all="ignore"):
        for number, plan in enumerate(work["plans"]):
            results, error = run(plan, statements, work["path"], arrays)
            names = []
            for step, found in enumerate(results):
                names.append({path: f"{number}:{step}:{path}" for path in found})
                kept |= {f"{number}:{step}:{path}": array for path, array in found.items()}
            outcomes.append({"error": error, "results": names})
    return outcomes, kept


def main(folder: str) -> None:
    """Read the plans in a folder, run them, and write their results."""
    with (Path(folder) / "plans.json").open() as file:
        work = json.load(file)
    with np.load(Path(folder) / "arrays.npz", allow_pickle=False) as archive:
        arrays = dict(archive)
    if work["beside"]:
        sys.path.insert(0, work["beside"])
    sys.meta_path.insert(0, Draws())
    guard(folder)
    os.chdir(folder)
    outcomes, kept = run_all(work, arrays)
    os.chdir(folder)
    np.savez("results.npz", **kept)
    Path("results.json").write_text(json.dumps(outcomes))
    os._exit(0)  # not waiting for threads that the program started


if __name__ == "__main__":
    main(sys.argv[1])
