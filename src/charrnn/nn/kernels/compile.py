"""Compile the kernels in c/ to one shared library, with the C compiler that is there.

`hatch_build.py` loads this file by its path when charrnn is built, before anything is installed: it needs the standard
library alone. `python -m charrnn.nn.kernels.compile` does the same for an installed charrnn.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SOURCES = FOLDER / "c"
NAME = "charrnn_kernels" + {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")

# No flag may assume that numbers are finite: NaN must pass through.
FLAGS = ["-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math"]
LINK = ["-shared"]
if sys.platform != "win32":
    FLAGS += ["-fPIC", "-fno-asynchronous-unwind-tables"]  # no exception passes through C
    LINK += ["-lm"]
if sys.platform != "darwin":
    LINK += ["-s"]  # without it, zig adds two megabytes for debuggers

# The sets of instructions of each kind of processor: the flags that select a set, and the bytes of a vector. NEON has
# 16; clang takes pairs of registers as vectors, for larger tiles, but gcc keeps such pairs in memory.
V3 = ["-mavx2", "-mfma"]
V4 = [*V3, "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mprefer-vector-width=512"]
X86: dict[str, tuple[list[str], int]] = {"v3": (V3, 32), "v4": (V4, 64)}
ARM: dict[str, tuple[list[str], int]] = {"neon": ([], 32 if sys.platform == "darwin" else 16)}
INSTRUCTIONS = {"x86_64": X86, "amd64": X86, "aarch64": ARM, "arm64": ARM}
PRECISIONS = {
    "float32": ["-Dreal=float", "-DIS_FLOAT=1", "-DIS_COMPLEX=0"],
    "float64": ["-Dreal=double", "-DIS_FLOAT=0", "-DIS_COMPLEX=0"],
    "complex128": ["-Dreal=double complex", "-DIS_FLOAT=0", "-DIS_COMPLEX=1"],
}

PLATFORM = sysconfig.get_platform()
ENVIRONMENT: dict[str, str] = {}  # of the compiler, beside this process's own
if (
    sys.platform == "darwin"
):  # this processor, even if Python is for two kinds, and the oldest system that Python is for
    oldest = PLATFORM.split("-")[1]
    oldest = "11.0" if platform.machine() == "arm64" and oldest.startswith("10.") else oldest
    PLATFORM = f"macosx-{oldest}-{platform.machine()}"
    ENVIRONMENT["MACOSX_DEPLOYMENT_TARGET"] = oldest
TAG = "py3-none-" + re.sub(r"[-.]", "_", PLATFORM)  # of a wheel that holds the library

CHECK = """import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
ctypes.c_int.in_dll(library, "charrnn_kernels_version"), library.charrnn_instructions()"""


class NotBuiltError(Exception):
    """Why there is no library, in one line."""


def build(target: Path, say: Callable[[str], object]) -> Path | None:
    """Make the library at `target`, unless one that is newer than its sources is there.

    CHARRNN_BUILD_KERNELS=0 leaves it out. Where it cannot be built, `say` gets one line with the reason, and charrnn
    computes with NumPy. A library older than its sources is removed then.

    Returns
    -------
    Path or None
        The library; None if there is none.

    Raises
    ------
    NotBuiltError
        It cannot be built, and CHARRNN_BUILD_KERNELS=1 asks for it; or the variable is neither 0 nor 1.
    """
    wanted = os.environ.get("CHARRNN_BUILD_KERNELS", "")
    if wanted not in ("", "0", "1"):
        raise NotBuiltError(f"CHARRNN_BUILD_KERNELS is {wanted!r}: set it to 0 or 1, or not at all")
    try:
        if wanted == "0":
            raise NotBuiltError("CHARRNN_BUILD_KERNELS is 0")
        if not up_to_date(target):
            compile_library(target)
    except (NotBuiltError, OSError) as error:
        target.unlink(missing_ok=True)
        if wanted == "1":
            raise NotBuiltError(f"the compiled kernels cannot be built: {error}") from error
        say(f"no compiled kernels, charrnn computes with NumPy: {error}")
        return None
    return target


def up_to_date(target: Path) -> bool:
    """Whether the library is newer than all that it is made of, and can be loaded."""
    if not target.exists():
        return False
    made = target.stat().st_mtime
    return all(path.stat().st_mtime < made for path in (*SOURCES.iterdir(), Path(__file__))) and not fault(target)


def compile_library(target: Path) -> None:
    """Compile kernels.c for each precision and set of instructions, all at the same time, and link them.

    Raises
    ------
    NotBuiltError
        There is no compiler, or it fails, or what it made cannot be loaded.
    OSError
        `target` cannot be written.
    """
    sets = INSTRUCTIONS.get(platform.machine().lower())
    if not sets or sys.maxsize < 2**32:
        raise NotBuiltError(
            f"they are for x86-64 and AArch64, not for {platform.machine()} ({platform.architecture()[0]})"
        )
    compiler = find_compiler()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def object_file(source: str, of: str, *flags: str) -> list[str]:
            """The command that compiles a source. The object file is its last word."""
            return [*compiler, *FLAGS, *flags, "-c", str(SOURCES / source), "-o", str(folder / f"{source}-{of}.o")]

        # A compiler may be older than the newest set. One that knows none does not work.
        probes = run(object_file("instructions.c", of, *flags) for of, (flags, _) in sets.items())
        known = {of: sets[of] for of, failure in zip(sets, probes, strict=True) if failure is None}
        if not known:
            raise NotBuiltError(probes[0])
        commands = [
            object_file("kernels.c", f"{precision}-{of}", *flags, *variant(precision, of, size))
            for of, (flags, size) in known.items()
            for precision in PRECISIONS
        ]
        commands.append(object_file("instructions.c", "any", *(f"-DHAVE_{of.upper()}" for of in known)))
        library = folder / NAME
        link = [*compiler, *(command[-1] for command in commands), "-o", str(library), *LINK]
        for failure in filter(None, run(commands) + run([link]) + [fault(library)]):
            raise NotBuiltError(failure)
        beside = target.with_name(f"{target.name}.{os.getpid()}")  # a process that loads the library finds all of it
        try:
            shutil.copyfile(library, beside)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)


def variant(precision: str, of: str, vector_bytes: int) -> list[str]:
    """The flags that choose a precision and a set of instructions."""
    names = [f"-DPRECISION={precision}", f"-DINSTRUCTIONS={of}", f"-DVECTOR_BYTES={vector_bytes}"]
    return [*PRECISIONS[precision], *names]


def find_compiler() -> list[str]:
    """The words of the command that compiles C: CC, or the first that is found.

    Raises
    ------
    NotBuiltError
        None is found.
    """
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    if sys.platform != "win32":  # there gcc does not align the stack for AVX, and clang exports no function
        for name in ("cc", "gcc", "clang"):
            if shutil.which(name):
                return [name]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]  # else: for this processor alone
    raise NotBuiltError(
        "no C compiler was found. Install gcc, clang or the package ziglang, "
        "then run: python -m charrnn.nn.kernels.compile"
    )


def run(commands: Iterable[list[str]]) -> list[str | None]:
    """Run commands at the same time. For each the line that says why it failed, or None."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(failure_of, commands))


def failure_of(command: list[str]) -> str | None:
    """Run a command. The first error in what it prints, if it fails."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **ENVIRONMENT},
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    lines.append(f"{command[0]} ends with status {done.returncode}")
    return next((line for line in lines if "error" in line.lower()), lines[0])


def fault(library: Path) -> str | None:
    """Why the library cannot be loaded here, or None. Another process tries it, for it may crash."""
    return failure_of([sys.executable, "-c", CHECK, str(library)])


def main() -> int:
    """Build the library in its place beside this file."""
    try:
        library = build(FOLDER / NAME, lambda line: print(f"charrnn: {line}", file=sys.stderr))
    except (NotBuiltError, OSError) as error:
        print(f"charrnn: error: {error}", file=sys.stderr)
        return 2
    if library:
        print(f"charrnn: compiled kernels are in {library}", file=sys.stderr)
    return 0 if library else 1


if __name__ == "__main__":
    sys.exit(main())
