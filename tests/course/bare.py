"""Run a source of the course, then its solution's checks, without what a browser lacks: modules, threads, processes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from runpy import run_path

ABSENT = {"fcntl", "resource", "multiprocessing", "_multiprocessing"}


class Absent:
    """Finds nothing, so that the import of these modules fails."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


for loaded in [name for name in sys.modules if name.partition(".")[0] in ABSENT]:
    del sys.modules[loaded]
sys.meta_path.insert(0, Absent())
sys.path.insert(0, str(Path.cwd()))


def refused(*_: object, **__: object) -> None:
    """What Pyodide does where a thread or a process is asked for."""
    raise RuntimeError("not in a browser")


threading.Thread.start = refused  # type: ignore[method-assign]
subprocess.Popen.__init__ = refused  # type: ignore[method-assign]
os.fork = refused  # type: ignore[assignment]

import charrnn  # noqa: E402
from charrnn.learning import isolation  # noqa: E402

assert charrnn.__version__
source, solution = map(Path, sys.argv[1:])


class Browser:
    """The system as Pyodide names it: it starts no processes, so that a check runs in place."""

    platform = "emscripten"


isolation.sys = Browser  # type: ignore[assignment]
run_path(str(source), run_name="__main__")
from checks import CHECKS, check  # noqa: E402

spec = importlib.util.spec_from_file_location("solution", solution)
assert spec is not None
assert spec.loader is not None
module = importlib.util.module_from_spec(spec)
sys.modules["solution"] = module
spec.loader.exec_module(module)
for name in CHECKS:
    if hasattr(module, name):
        check(getattr(module, name))
assert not ABSENT & set(sys.modules), ABSENT & set(sys.modules)
