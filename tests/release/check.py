"""What a release is checked for: wheels and a source distribution that install and work where nothing else is.

./run release-check                                             # with this Python
./run release-check --python python3.10 --python python3.13     # with others as well
python3.14 -m tests.release.check --dist dist --python python3.14    # distributions that are built already; no ./run

It builds an sdist and from it a wheel, with `python -m build`, and a wheel without a compiler, and looks at what is in
them. It installs each into an empty environment; trains, samples, asks and checks gradients there, without PyTorch; and
lets mypy read the types of the installed package. The sdist's own tests of pages and rooms run in what it unpacks to.

It needs the standard library, git and a package index. It takes minutes for each Python. Where uv
stands beside this Python, as after `./run test`, uv installs; otherwise pip does.
"""

from __future__ import annotations

import argparse
import email
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LARGEST_WHEEL = 1_000_000  # bytes
TOOLS = ("build", "cffconvert")
UV = shutil.which("uv", path=str(Path(sys.executable).parent))
DATA = {"text/data/README.md", "text/data/the-clockmakers-cup.txt"}  # the bundled novel is the only text in a wheel
OTHER_SUFFIXES = {".py", ".toml", ".c", ".h", ".js", ".html", ".css", ".ts", ".typed", ".so", ".dylib", ".dll", ".svg"}
TYPED = "import charrnn\n\nreveal_type(charrnn.load('run').generate('The '))\n"
KERNELS = re.compile(r"charrnn/nn/kernels/charrnn_kernels\.(so|dylib|dll)")


class FailedError(Exception):
    """What is wrong with a distribution, in one line."""


def must(right: object, what: str) -> None:
    if not right:
        raise FailedError(what)


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    """Run a command without this process's own Python settings, and return what it prints."""
    done = attempt(*command, cwd=cwd, **environment)
    words = " ".join(map(str, command))
    must(done.returncode == 0, f"{words} ends with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def attempt(*command: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True, check=False)


def environment(python: str, folder: Path, *packages: object) -> Path:
    """Make an empty environment with the packages; return the folder of its commands."""
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    if UV:
        run(UV, "venv", "-q", "--python", python, folder)
        run(UV, "pip", "install", "-q", "--python", commands / "python", *packages)
        run(UV, "pip", "check", "-q", "--python", commands / "python")
    else:
        run(python, "-m", "venv", folder)
        run(commands / "python", "-m", "pip", "install", "-q", *packages)
        run(commands / "python", "-m", "pip", "check")
    return commands


# Building.


def build(tools: Path, out: Path) -> None:
    """Make an sdist, the wheel that is built from it, and a wheel that is built as where there is no compiler."""
    command = (tools / "python", "-m", "build", *(("--installer", "uv") if UV else ()), ROOT)
    path = os.pathsep.join([str(Path(UV).parent), os.environ["PATH"]]) if UV else os.environ["PATH"]
    run(*command, "--outdir", out, PATH=path)
    run(*command, "--wheel", "--outdir", out / "pure", PATH=path, CHARRNN_BUILD_KERNELS="0")


# Looking.


def version() -> str:
    (found,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    return found


def look_at_wheel(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel)
    names = [name for name in inside.namelist() if not name.endswith("/")]
    must(wheel.stat().st_size <= LARGEST_WHEEL, f"{wheel.name} has more than {LARGEST_WHEEL:,} bytes")
    ours = [name.removeprefix("charrnn/") for name in names if name.startswith("charrnn/")]
    infos = [name for name in names if name.startswith(f"charrnn-{version()}.dist-info/")]
    must(len(ours) + len(infos) == len(names), f"{wheel.name} holds more than the package")
    strange = {name for name in ours if Path(name).suffix not in OTHER_SUFFIXES} - DATA
    must(not strange, f"{wheel.name} holds {sorted(strange)}")
    must({"py.typed", *DATA} <= set(ours), f"{wheel.name} lacks py.typed or the novel")
    libraries, tag = [name for name in names if KERNELS.fullmatch(name)], wheel.stem.split("-", 2)[2]
    must(bool(libraries) != (tag == "py3-none-any"), f"{wheel.name}: its tag does not fit, libraries {libraries}")
    data = email.message_from_bytes(inside.read(f"charrnn-{version()}.dist-info/METADATA"))
    must(data["Version"] == version(), f"{wheel.name} is of version {data['Version']}")
    must(any(name.endswith("licenses/LICENSE") for name in infos), f"{wheel.name} holds no licence")
    needed = [line for line in data.get_all("Requires-Dist", []) if "extra ==" not in line]
    must(not any("torch" in line for line in needed), f"{wheel.name} needs PyTorch")
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {len(names)} files")


def look_at_sdist(sdist: Path, out: Path) -> Path:
    """The folder that it unpacks to, which holds every file of the project."""
    with tarfile.open(sdist) as archive:
        archive.extractall(out, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]
    (folder,) = out.iterdir()
    held = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    tracked = set(run("git", "ls-files", cwd=ROOT).splitlines())
    must(tracked <= held, f"{sdist.name} lacks {sorted(tracked - held)}")
    must(held <= tracked | {"PKG-INFO"}, f"{sdist.name} holds what is not committed: {sorted(held - tracked)}")
    print(f"{sdist.name}: {sdist.stat().st_size:,} bytes, {len(held)} files")
    return folder


# Trying.


def try_out(python: str, distribution: Path, folder: Path, pins: list[str], types: bool) -> dict[str, str]:
    """Install a distribution where nothing else is, and use it."""
    commands = environment(python, folder / "venv", distribution, *pins)
    charrnn, work = commands / "charrnn", folder / "work"
    work.mkdir()
    code = "import charrnn, numpy, platform; print(platform.python_version(), numpy.__version__, charrnn.__version__)"
    of_python, of_numpy, of_charrnn = run(commands / "python", "-c", code, cwd=work).split()
    must(of_charrnn == version(), f"charrnn.__version__ is {of_charrnn}")
    trained = json.loads(run(charrnn, "train", "--steps", "20", "--out", "run", "--quiet", "--json", cwd=work))
    must(trained["val_nats_per_char"] < 4, f"validation loss {trained['val_nats_per_char']}")
    samples = [run(charrnn, "sample", "run", "--length", "60", "--seed", "1", "--quiet", cwd=work) for _ in range(2)]
    must(len(samples[0]) >= 60 and samples[0] == samples[1], f"samples {samples}")
    wrong = attempt(charrnn, "train", "absent.txt", cwd=work)
    must(wrong.returncode == 2 and wrong.stderr.count("\n") == 1, f"a text that is not there: {wrong.stderr}")
    info = json.loads(run(charrnn, "info", "run", "--json", cwd=work))
    size = ("--hidden-size", "8", "--num-layers", "1", "--seq-len", "6", "--batch-size", "3")
    errors = json.loads(run(charrnn, "gradcheck", *size, "--json", cwd=work))
    must({e["against"] for e in errors} == {"complex-step", "finite-difference"}, "gradcheck used other methods")
    if types:
        (work / "typed.py").write_text(TYPED)
        command = (sys.executable, "-m", "mypy", "--strict", "--python-executable", commands / "python", "typed.py")
        must('"str"' in (seen := run(*command, cwd=work).replace("builtins.", "")), f"mypy sees no types: {seen}")
    return {
        "distribution": re.sub(r"charrnn-[^-]*?(?=-|\.tar)", "charrnn", distribution.name),
        "python": of_python, "requirements": "oldest" if pins else "newest", "numpy": of_numpy,
        "kernels": info["kernels"], "gradients": str(len(errors)), "commit": commit(),
    }  # fmt: skip


def trials(pythons: list[str], distributions: list[Path], with_oldest: bool) -> Iterator[tuple[str, Path, list[str]]]:
    """Every distribution with every Python and the newest requirements; the first Python also with the oldest."""
    for python in pythons:
        yield from ((python, distribution, []) for distribution in distributions)
    (listed,) = re.findall(
        r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL
    )
    oldest = [requirement.replace(">=", "==") for requirement in re.findall(r'"(.+?)"', listed)]
    if with_oldest:
        yield from ((pythons[0], wheel, oldest) for wheel in distributions[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", help="an interpreter to try [default: this one]; may be repeated")
    parser.add_argument("--dist", type=Path, help="distributions that are built already; nothing is built or unpacked")
    parser.add_argument(
        "--newest", action="store_true", help="leave out the oldest packages, which a new Python may lack"
    )
    parser.add_argument("--keep", type=Path, help="a folder that receives the distributions")
    parser.add_argument("--out", type=Path, help="a JSON file for the record; what it holds of other Pythons is kept")
    options = parser.parse_args()
    pythons = options.python or [sys.executable]
    try:
        with tempfile.TemporaryDirectory() as name:
            record = check(pythons, options.dist, options.keep, Path(name), not options.newest)
    except FailedError as failed:
        raise SystemExit(f"release-check: {failed}") from None
    if options.out:
        write(record, options.out)


def check(
    pythons: list[str], dist: Path | None, keep: Path | None, folder: Path, with_oldest: bool
) -> dict[str, object]:
    if not dist:
        dist = keep or folder / "dist"
        tools = environment(pythons[0], folder / "tools", *TOOLS)
        run(tools / "cffconvert", "--validate", cwd=ROOT)
        build(tools, dist)
        unpacked = look_at_sdist(next(dist.glob("*.tar.gz")), folder / "unpacked")
        command = (sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/architecture")
        print(
            run(*command, cwd=unpacked, PYTHONPATH=str(unpacked / "src")).splitlines()[-1],
            "in what the sdist unpacks to",
        )
    distributions = sorted(dist.glob("*.tar.gz")) + sorted(dist.glob("*.whl")) + sorted(dist.glob("pure/*.whl"))
    must(distributions, f"no distribution in {dist}")
    for wheel in distributions[1:]:
        look_at_wheel(wheel)
    tried = []
    for number, (python, distribution, pins) in enumerate(trials(pythons, distributions, with_oldest)):
        types = number == 1 and bool(importlib.util.find_spec("mypy"))  # once: they are the same everywhere
        tried.append(try_out(python, distribution, folder / f"{number}", pins, types))
        print("works: " + ", ".join(f"{key} {value}" for key, value in tried[-1].items()), flush=True)
        shutil.rmtree(folder / f"{number}")
    sizes = {"sdist" if d.suffix == ".gz" else d.stem.split("-", 2)[2]: d.stat().st_size for d in distributions}
    return {"machine": machine(), "command": "./run release-check", "bytes": sizes, "tried": tried}


def commit() -> str:
    return run("git", "describe", "--always", "--dirty", cwd=ROOT).strip()


def machine() -> str:
    """The same words as those of benchmarks/machine.py, without the libraries that each trial has of its own."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown processor")
    return f"{model}, {os.cpu_count()} cores; Python {sys.version.split()[0]}; charrnn {version()} ({commit()})"


def write(record: dict[str, object], path: Path) -> None:
    """Add the trials to those that the file holds of other Pythons."""
    new = record["tried"]
    before = json.loads(path.read_text())["tried"] if path.exists() else []
    pythons = {trial["python"] for trial in new}  # type: ignore[attr-defined]
    record["tried"] = [trial for trial in before if trial["python"] not in pythons] + new  # type: ignore[operator]
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
