"""The how-to pages for lists run as they stand, on their samples: with a small network and few steps."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from charrnn.language_model import load
from charrnn.training.own_text import training_documents
from tests.cli.conftest import Result, Run

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
SMALL = [
    "--cell", "rnn", "--hidden-size", "48", "--seq-len", "24", "--batch-size", "8", "--steps", "400",
    "--learning-rate", "0.01", "--seed", "0",
]  # fmt: skip
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Page:
    """A page's commands and code, run in its order in one folder."""

    def __init__(self, name: str, charrnn: Run, folder: Path) -> None:
        self.text, self.charrnn, self.folder = (HOW_TO / f"{name}.md").read_text(), charrnn, folder
        for sample in (HOW_TO / "samples").iterdir():
            shutil.copy(sample, folder)
        self.results: list[tuple[str, Result]] = []
        self.names: dict[str, Any] = {}

    def run(self) -> None:
        for kind, block in BLOCK.findall(self.text):
            if kind == "python" and (file := re.match(r"# (\w+\.py)\n", block)):
                (self.folder / file[1]).write_text(block)
            elif kind == "python":
                exec(compile(block, "page", "exec"), self.names)
            else:
                for line in block.splitlines():
                    self.results.append((line, self._command(line)))

    def _command(self, line: str) -> Result:
        """A command in this process; one that is fed by another, in a process of its own."""
        if "|" in line:
            whole = line.replace("charrnn", f"{shlex.quote(sys.executable)} -m charrnn")
            done = subprocess.run(["sh", "-c", whole], capture_output=True, text=True, check=False)
            return Result(done.returncode, done.stdout, done.stderr)
        command, *arguments = shlex.split(line)
        assert command == "charrnn"
        target = Path(arguments[arguments.index(">") + 1]) if ">" in arguments else None
        arguments = arguments[: arguments.index(">")] if target else arguments
        if arguments[0] == "train":
            at = arguments.index("--minutes")
            arguments[at : at + 2] = SMALL
            if "--out" not in arguments:  # which the default network would have named
                arguments += ["--out", f"runs/{Path(arguments[1]).stem}-qrnn"]
        result = self.charrnn(*arguments)
        if target:
            target.write_text(result.out)
        return result

    def trained_on(self, run: str) -> frozenset[str]:
        path = self.folder / "runs" / run
        found = training_documents(load(path), path)
        assert found
        return found

    def of(self, *words: str) -> list[Result]:
        """What the commands that hold these words printed."""
        found = [result for line, result in self.results if all(word in line for word in words)]
        assert found, words
        return found


@pytest.fixture
def page(request: pytest.FixtureRequest, charrnn: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Page(request.param, charrnn, tmp_path)
    found.run()
    return found


@pytest.mark.parametrize("page", ["names"], indirect=True)
def test_names(page: Page) -> None:
    assert {result.status for _, result in page.results} == {0}
    known = set((page.folder / "names.txt").read_text().split())
    (new,) = page.of("--new")
    assert len(set(new.out.split("\n")[:-1]) - page.trained_on("names-qrnn")) == 20
    assert all(line.startswith("ma") for line in page.of("--prompt ma")[0].out.splitlines())
    assert len(page.of("score")[0].out.splitlines()) == 1 + 2 * 5
    assert f"{len(known)} first names" in page.text
    assert "nats per document" in page.of("evaluate")[0].out


@pytest.mark.parametrize("page", ["molecules"], indirect=True)
def test_molecules(page: Page) -> None:
    assert {result.status for _, result in page.results} == {0}
    written = [json.loads(line) for line in (page.folder / "written.jsonl").read_text().splitlines()]
    assert len(written) == 100
    counted = page.of("--num-samples 50")[0]
    valid = int(re.findall(r"(\d+) valid", counted.err)[0])
    import shape  # the file of the page

    assert valid == sum(map(shape.is_closed, counted.out.split("\n")[:-1])) > 25
    chosen = page.of("--only-valid")[0].out.split("\n")[:-1]
    known = (page.folder / "molecules.txt").read_text().split()
    assert len(set(chosen)) == 20
    assert all(map(shape.is_closed, chosen))
    assert not set(chosen) & page.trained_on("molecules-qrnn")
    assert len(list(csv.reader((page.folder / "scored.csv").read_text().splitlines()))) == 1 + len(known) == 241


@pytest.mark.parametrize("page", ["log-lines"], indirect=True)
def test_log_lines(page: Page) -> None:
    planted = ["GET /../../etc/passwd 200 3 ms", "db: drop on users took 4 ms"]
    ranked = page.of("--top 5")[0].out.splitlines()[1::2]
    assert {line for line in planted if any(row.endswith(line) for row in ranked)} == set(planted)
    (alarm,) = page.of("--fail")
    assert alarm.status == 1
    marked = [
        row["text"]
        for row in csv.DictReader((page.folder / "alarms.csv").read_text().splitlines())
        if row["above_threshold"] == "True"
    ]
    assert set(planted) <= set(marked)
    assert len(marked) < 20


@pytest.mark.parametrize("page", ["typing-aid"], indirect=True)
def test_a_typing_aid(page: Page) -> None:
    names = page.names
    assert "p" in dict(names["letters"])
    assert names["words"][0][0] == "pen"
    assert set(names["likeliest"]) == set("abc")
    assert names["saved"] > 0.3
    assert names["keys"](names["model"], "thank you") >= 2
