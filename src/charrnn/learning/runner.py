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
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.append(sys.argv[2])

import numpy as np

FORBIDDEN = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.link",
             "os.symlink", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill",
             "os.killpg", "subprocess.Popen", "socket.connect", "socket.bind", "shutil.rmtree", "ctypes.dlopen",
             "signal.pthread_kill", "os.putenv", "webbrowser.open")  # fmt: skip
MAKES = re.compile("init|make|create|new_|build|param|^[A-Z]")  # what may run when a program is loaded
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


MADE = "$made"  # where a plan keeps its object
BOXES = (
    ("v", "d"),
    ("value", "grad"),
    ("data", "grad"),
    ("val", "grad"),
    ("w", "dw"),
    ("value", "gradient"),
    ("W", "dW"),
)


class Parameters(dict):  # type: ignore[type-arg]
    """A dictionary whose entries are attributes, too: programs write p["W"] or p.W."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def guard(folder: str) -> None:
    """Refuse what a forward and a backward pass has no need of, from here on."""
    home = os.path.realpath(folder) + os.sep

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writing = any(c in mode for c in "wax+") if isinstance(mode, str) else bool((flags or 0) & WRITING)
            if writing and not (
                isinstance(path, (str, bytes)) and os.path.realpath(os.fsdecode(path)).startswith(home)
            ):
                raise PermissionError(f"a program that is being checked may not write {path!r}")
        elif event in FORBIDDEN and not (event == "ctypes.dlopen" and arguments[0] is None):
            raise PermissionError(f"a program that is being checked may not call {event}")

    sys.addaudithook(hook)


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


def load(statements: list[Any], path: str) -> dict[str, Any]:
    """The names that a program defines."""
    module: dict[str, Any] = {"__name__": "checked", "__file__": path, "open": sample}
    for statement in statements:
        with contextlib.suppress(Exception):  # a name that is missing shows when it is used
            exec(statement, module)
    if module["open"] is sample:
        del module["open"]
    return module


def sample(*_: Any, **__: Any) -> io.StringIO:
    """What `open` gives while the program is loaded: a text with as many characters as the case has."""
    return io.StringIO("abacadaeafag" * 9)


def revived(value: Any, arrays: dict[str, Any], done: list[Any], module: dict[str, Any]) -> Any:
    """An argument from its JSON: arrays by name, what earlier calls returned, and plain values."""
    if isinstance(value, dict):
        if "$array" in value:
            return np.array(arrays[value["$array"]])
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
            made = kind(**value["given"])
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


def flattened(value: Any, path: str = "", depth: int = 0) -> dict[str, Any]:
    """The numbers of a result, by their path: what is no number is left out."""
    found: dict[str, Any] = {}
    if isinstance(value, dict) or (hasattr(value, "__dict__") and not isinstance(value, np.ndarray)):
        items = value.items() if isinstance(value, dict) else vars(value).items()
        for key, each in items if depth < 4 else ():
            box = next((g for v, g in BOXES if hasattr(each, v) and hasattr(each, g)), "")
            if box and not isinstance(each, np.ndarray):
                found |= flattened(getattr(each, box), f"{path}/d{key}", depth + 1)
            else:
                found |= flattened(each, f"{path}/{key}", depth + 1)
    elif isinstance(value, (tuple, list)) and depth < 4:
        with contextlib.suppress(Exception):
            if isinstance(value, list) and value and np.asarray(value).dtype.kind in "fiu" and path:
                return {path: np.asarray(value, float)}
        for key, each in enumerate(value):
            found |= flattened(each, f"{path}/{key}", depth + 1)
    else:
        with contextlib.suppress(Exception):
            array = np.asarray(value)
            if array.dtype.kind in "fiu" and array.size <= 100_000:
                found[path or "/0"] = array.astype(float)
    return found


def run(
    plan: dict[str, Any], statements: list[Any], path: str, arrays: dict[str, Any]
) -> tuple[list[dict[str, Any]], str]:
    """What each call of a plan returned, and the error that ended it."""
    done: list[Any] = []
    try:
        module = load(statements, path)
        for name, value in plan["globals"].items():
            array = revived(value, arrays, done, module)
            if not isinstance(array, np.ndarray) or not bound(module, name, array):
                module[name] = array
        for name, value in plan["boxed"].items():
            bound(module, name, revived(value, arrays, done, module))
        for call in plan["calls"]:
            given = {k: revived(v, arrays, done, module) for k, v in call["arguments"].items()}
            owner, _, method = call["function"].rpartition(".")
            function = getattr(module[owner], method) if owner else module[method]
            done.append(function(**given))
            if owner and done[-1] is None:  # the gradients are attributes of the object
                done[-1] = next(iter(given.values()))
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
        return [flattened(r) for r in done], f"{line}{type(error).__name__}: {error}"[:500]
    return [flattened(r) for r in done], ""


def run_all(work: dict[str, Any], arrays: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Run every plan: for each, its error and its results by name, and the arrays that these name."""
    outcomes: list[Any] = []
    kept: dict[str, Any] = {}
    statements = compiled(work["source"], work["path"])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), np.errstate(all="ignore"):
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
    guard(folder)
    os.chdir(folder)
    outcomes, kept = run_all(work, arrays)
    os.chdir(folder)
    np.savez("results.npz", **kept)
    Path("results.json").write_text(json.dumps(outcomes))
    os._exit(0)  # not waiting for threads that the program started


if __name__ == "__main__":
    main(sys.argv[1])
