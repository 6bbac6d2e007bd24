"""The promise that something new is one file and one line: six additions, in a copy, meet every contract.

A cell (an LSTM with coupled gates), an elementwise layer (the minimal GRU), an order (shuffled windows), an optimiser
(Lion), a sampling rule that may drop the likeliest character (locally typical sampling) and a chain of contexts for
experts (the column in the line). The files of the first three lie in `files/` as they would in the project; the others
are a class or a function in the file of their kind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = Path(__file__).parent / "files"
NAMES = ("cifg", "mingru", "shuffled", "lion", "typical_p", "columns")
RUN = "trained"
FOLDERS = ("src", "tests", "docs", "benchmarks", "editions", "course")

LION = '''

class Lion(Optimizer):
    """Lion (Chen et al. 2023): the sign of a running mean of gradients.

    u = sign(β₁ m + (1 − β₁) g)                 [lion.1]
    θ ← θ − α u                                 [lion.2]
    m ← β₂ m + (1 − β₂) g                       [lion.3]
    """

    remembered: ClassVar[dict[str, float]] = {"m": 1e8}
    usual_rate = 0.0003
    beta1, beta2 = 0.9, 0.99

    def update(self, theta: Array, g: Array, memory: list[Array], scratch: Array, learning_rate: float) -> None:
        """One slice."""
        (m,) = memory
        np.multiply(m, self.beta1, out=scratch)
        scratch += (1.0 - self.beta1) * g
        np.sign(scratch, out=scratch)  # [lion.1]
        scratch *= learning_rate
        theta -= scratch  # [lion.2]
        m *= self.beta2
        m += (1.0 - self.beta2) * g  # [lion.3]


OPTIMIZERS["lion"] = Lion
'''
TYPICAL = '''

@rule(Setting("typical_p", "float", "draw from the characters that are about as surprising as expected and together "
              "have this share; 1 = off", 1.0, least=0, most=1,
              slider=Slider(0.05, 1, 0.05, 1, "draws from the typical set of this share")))  # fmt: skip
def typical_p(logits: Array, value: Any) -> None:
    """Keep the characters whose surprise is nearest to the expected one (Meister et al. 2022)."""
    probs = probabilities(logits)
    surprise = -np.log(np.where(probs > 0, probs, 1.0))
    expected = (probs * surprise).sum(axis=1, keepdims=True)
    order = np.argsort(np.where(probs > 0, np.abs(surprise - expected), np.inf), axis=1, kind="stable")
    shares = np.take_along_axis(probs, order, axis=1)
    outside = np.zeros(shares.shape, bool)  # one stays even with 0
    outside[:, 1:] = np.cumsum(shares, axis=1)[:, :-1] >= value
    _remove(logits, order, outside)


FILTERS["typical_p"] = typical_p
'''
COLUMNS = '''


class Columns:
    """Nothing; the column in the line; and that with the last character."""

    levels, of_block = 3, False

    def __init__(self, characters: str) -> None:
        self.line_end = characters.find("\\n") + 1

    def keys(self, codes: Array) -> list[Array]:
        place = np.arange(codes.shape[1])
        start = np.maximum.accumulate(np.where(codes == self.line_end, place, -REACH), axis=1)
        column = np.minimum(place - start, REACH - 1).astype(np.uint64)
        return [mixed(np.zeros_like(codes), 300), mixed(column, 301), mixed(column * np.uint64(BASE) + codes, 302)]


CHAINS["columns"] = Columns
'''
# What is added to a file of the project: a registry's line with its import, or a strategy with it.
LINES = {
    "nn/cells/__init__.py": '\nfrom charrnn.nn.cells.cifg import CIFG\n\nCELLS["cifg"] = CIFG\n',
    "nn/layers/__init__.py": '\nfrom charrnn.nn.layers.min_gru import MinGRU\n\nLAYERS["mingru"] = MinGRU\n',
    "batching/__init__.py": '\nfrom charrnn.batching.shuffled import Shuffled\n\nBATCHERS["shuffled"] = Shuffled\n',
    "training/optimizers.py": LION,
    "generation/filters.py": TYPICAL,
    "ngrams/chains.py": COLUMNS,
}


class Project:
    """A copy of the project with the additions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for path in ROOT.iterdir():
            if path.name in FOLDERS:
                shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__", "additions"))
            elif path.is_file() and not path.name.startswith("."):
                shutil.copy(path, folder)
        shutil.copytree(FILES, folder, dirs_exist_ok=True)
        self._describe("cifg", "nn/cells/cifg.py")
        self._describe("mingru", "nn/layers/min_gru.py")
        for name, lines in LINES.items():
            with (folder / "src" / "charrnn" / name).open("a", encoding="utf-8") as file:
                file.write(lines)

    def _describe(self, cell: str, path: str) -> None:
        """Add a cell's row to the table of cells."""
        page = self.folder / "docs" / "cells.md"
        derivation = f"[{cell}.md](derivations/{cell}.md)"
        row = (
            f"| `{cell}` | {derivation} | [{path}](../src/charrnn/{path}) | {derivation} | "
            f"[reference/{cell}.py](../tests/reference/{cell}.py) | {derivation} | not measured | not measured |\n"
        )
        lines = page.read_text("utf-8").splitlines(keepends=True)
        last = max(k for k, line in enumerate(lines) if line.startswith("| `"))
        page.write_text("".join([*lines[: last + 1], row, *lines[last + 1 :]]), "utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the copy; what it prints is in the error of a failure."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "src")}
        for name in [name for name in environment if name.startswith("PYTEST_")]:
            del environment[name]
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
        return done


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("additions") / "project"
    yield Project(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def trained(project: Project) -> Path:
    """A run with the new cell, order, optimiser and expert."""
    text = project.folder / "book.txt"
    text.write_text("The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 40)
    choices = "--cell cifg --num-layers 2 --hidden-size 8 --batching shuffled --optimizer lion --ngrams columns"
    sizes = "--seq-len 8 --batch-size 4 --steps 5"
    project.run("-m", "charrnn", "train", str(text), *choices.split(), *sizes.split(), "--out", RUN, "--quiet")
    return project.folder / RUN


@pytest.mark.timeout(900)
def test_every_contract_that_names_an_addition_is_met(project: Project) -> None:
    selected = " or ".join(NAMES)
    teams = "--ignore=tests/training/test_teams.py"  # it starts a minute of MPI runs before its first test
    done = project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", teams, "tests", "-k", selected)
    passed = int(done.stdout.splitlines()[-1].split(" passed")[0].split()[-1])
    assert passed > 200


def test_the_equations_of_the_additions_are_derived_under_their_labels(project: Project) -> None:
    project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests/architecture", "-k", "equation")


def test_the_additions_keep_to_their_types(project: Project) -> None:
    pytest.importorskip("mypy")
    added = [str(path.relative_to(FILES)) for path in FILES.glob("src/**/*.py")]
    project.run("-m", "mypy", *added, *(f"src/charrnn/{name}" for name in LINES))


def test_the_command_checks_the_gradients_of_a_cell_that_pytorch_lacks(project: Project) -> None:
    for cell in ("cifg", "mingru"):
        sizes = "--num-layers 2 --hidden-size 8 --seq-len 6 --json"
        rows = json.loads(project.run("-m", "charrnn", "gradcheck", "--cell", cell, *sizes.split()).stdout)
        assert {row["against"] for row in rows} == {"complex-step", "finite-difference"}
        assert max(row["relative_error"] for row in rows if row["against"] == "complex-step") < 1e-13


def test_a_network_of_additions_trains_and_shows_its_units(project: Project, trained: Path) -> None:
    config = json.loads((trained / "config.json").read_text())
    assert {"cifg", "shuffled", "lion", "columns"} <= set(config["settings"].values())
    code = (
        "import charrnn, numpy as np; from charrnn.inspection.units import activations; "
        f"print(np.abs(activations(charrnn.load('{RUN}'), 'The clock')).max() <= 1)"
    )
    assert project.run("-c", code).stdout == "True\n"


def test_the_sampling_rule_is_in_the_command_line_and_in_python(project: Project, trained: Path) -> None:
    assert "--typical-p" in project.run("-m", "charrnn", "sample", "--help").stdout
    sampled = [
        project.run("-m", "charrnn", "sample", RUN, "--seed", "1", "--length", "40", "--typical-p", value).stdout
        for value in ("1", "0")
    ]
    code = f"import charrnn; print(charrnn.load('{RUN}').generate(length=40, seed=1, typical_p=0.0))"
    assert project.run("-c", code).stdout == sampled[1]
    assert sampled[0] != sampled[1]


@pytest.fixture(scope="module")
def address(project: Project, trained: Path) -> Iterator[str]:
    """The address of a server of the run, in the copy."""
    process = subprocess.Popen(
        [sys.executable, "-m", "charrnn", "serve", str(trained), "--port", "0", "--json"],
        cwd=project.folder, env={**os.environ, "PYTHONPATH": str(project.folder / "src"), "CHARRNN_API_KEY": ""},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    yield json.loads(line)["address"].rstrip("/")
    process.terminate()
    process.communicate(timeout=60)


def answer(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def test_the_sampling_rule_is_in_the_http_api(address: str) -> None:
    schemas = answer(f"{address}/openapi.json")["components"]["schemas"]
    fields = [s["properties"]["typical_p"] for s in schemas.values() if "typical_p" in s.get("properties", {})]
    assert fields
    assert all("as surprising as expected" in field["description"] for field in fields)
    request = {"model": RUN, "prompt": "The", "max_tokens": 30, "seed": 1}
    texts = [answer(f"{address}/v1/completions", {**request, "typical_p": value}) for value in (1, 0)]
    assert texts[0]["choices"][0]["text"] != texts[1]["choices"][0]["text"]
    with pytest.raises(urllib.error.HTTPError, match="400"):
        answer(f"{address}/v1/completions", {**request, "typical_p": 2})


def test_the_sampling_rule_is_among_the_settings_of_the_page(address: str) -> None:
    assert "draws from the typical set of this share" in json.dumps(answer(f"{address}/api/settings"))
