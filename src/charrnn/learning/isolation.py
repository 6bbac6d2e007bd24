"""A process for the learner's program, with a time limit, and limits on memory and files where the system has them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from charrnn.errors import ConfigError
from charrnn.learning import runner

MEMORY = 4 << 30  # bytes of address space
FILE = 64 << 20  # bytes of the largest file
SAID = "said.txt"  # what the program wrote to standard error


class Outcome(NamedTuple):
    """What a plan gave: one dictionary of arrays for each call that returned, and the error that ended the others."""

    results: list[dict[str, Any]]
    error: str


class Program(NamedTuple):
    """The source to run, the name it has in messages, and the folder from which it may import."""

    source: str
    path: str
    beside: str = ""


class CheckTimeoutError(ConfigError):
    """The program did not finish in time."""


class CheckCrashError(ConfigError):
    """The program ended its process."""


def run_isolated(program: Program, plans: list[Any], arrays: dict[str, Any], seconds: float) -> list[Outcome]:
    """Run plans in a process of their own.

    Parameters
    ----------
    plans : list
        Each has `globals` and `calls`, in JSON; see `runner`.
    arrays : dict
        The arrays that the plans name.
    seconds : float
        The time limit of all of them together.

    Raises
    ------
    CheckTimeoutError, CheckCrashError
    """
    work = {"plans": plans, "source": program.source, "path": program.path, "beside": program.beside}
    if sys.platform == "emscripten":  # a browser has no processes: the page itself is the isolation
        outcomes, kept = runner.run_all(work, arrays)
        return _outcomes(outcomes, kept)
    with tempfile.TemporaryDirectory(prefix="charrnn-check-") as name:
        folder = Path(name)
        (folder / "plans.json").write_text(json.dumps(work), encoding="utf-8")
        np.savez(folder / "arrays.npz", **arrays)
        packages = str(Path(np.__file__).parents[1])
        command = [sys.executable, "-I", "-X", "utf8", runner.__file__, name, packages]
        with (folder / SAID).open("wb") as said:  # a file: what is printed without end stops at its limit
            process = subprocess.Popen(
                command, cwd=name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
                env=_environment(name), preexec_fn=_limiter(seconds), start_new_session=True,
            )  # fmt: skip
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise CheckTimeoutError(
                f"'{program.path}' did not finish within {seconds:g} seconds: look for a loop that does not end"
            ) from None
        finally:
            _end(process)
        try:
            outcomes = json.loads((folder / "results.json").read_text(encoding="utf-8"))
            with np.load(folder / "results.npz", allow_pickle=False) as archive:
                return _outcomes(outcomes, dict(archive))
        except (OSError, ValueError, KeyError):
            last = _last_line(folder / SAID) or f"status {status}"
            raise CheckCrashError(f"'{program.path}' ended its process before it returned ({last})") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program, and the processes that it started."""
    if hasattr(os, "killpg"):  # its own group, since it leads a session
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _last_line(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
        return "".join(c for c in lines[-1][:200] if c.isprintable()) if lines else ""
    return ""


def _outcomes(outcomes: list[Any], kept: dict[str, Any]) -> list[Outcome]:
    return [Outcome([{k: kept[v] for k, v in r.items()} for r in o["results"]], o["error"]) for o in outcomes]


def _environment(folder: str) -> dict[str, str]:
    """Nothing of the user's but what Python needs; one thread; a home and a place for figures in the folder."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT", "LANG", "LD_LIBRARY_PATH")}
    return kept | {
        "HOME": folder, "TMPDIR": folder, "MPLBACKEND": "Agg", "MPLCONFIGDIR": folder, "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


def _limiter(seconds: float) -> Any:
    """A function that limits the process that is about to start; None where the system has no limits."""
    try:
        import resource
    except ImportError:  # Windows, and browsers
        return None

    def limit() -> None:
        for kind, most in (("RLIMIT_AS", MEMORY), ("RLIMIT_FSIZE", FILE), ("RLIMIT_CPU", int(seconds) + 1),
                           ("RLIMIT_CORE", 0)):  # fmt: skip
            if hasattr(resource, kind):
                number = getattr(resource, kind)
                _, hard = resource.getrlimit(number)
                value = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(number, (value, hard))

    return limit
