"""The notebooks of the course run, are stored executed, and are what their sources say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.course.test_exercises import COURSE, SOLVED, load

SOURCES = sorted((COURSE / "sources").glob("*.py"))
BARE = Path(__file__).with_name("bare.py")
build = load(COURSE / "build.py", "course_build")


def test_every_notebook_has_a_source_and_a_solution() -> None:
    stems = [source.stem for source in SOURCES]
    assert stems == sorted(p.stem for p in COURSE.glob("*.ipynb")) == sorted({p.stem for p in SOLVED.values()})


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_the_notebook_is_its_source_executed(source: Path) -> None:
    stored = nbformat.read(COURSE / f"{source.stem}.ipynb", as_version=4)
    built = build.notebook_of(source.read_text())
    assert [(c.cell_type, c.source) for c in stored.cells] == [(c.cell_type, c.source) for c in built.cells]
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert any("image/png" in o.get("data", {}) for o in outputs)
    exercises = [name for name, path in SOLVED.items() if path.stem == source.stem]
    printed = "".join(o.get("text", "") for o in outputs)
    assert all(f"{name}: not written yet" in printed for name in exercises)


@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_a_notebook_runs_in_a_kernel_where_its_solution_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel, a function of a cell is found by `charrnn.check`."""
    monkeypatch.setenv("CHARRNN_NOTEBOOK_QUICK", "1")
    notebook = build.notebook_of((COURSE / "sources" / "3_step.py").read_text())
    solution = (COURSE / "solutions" / "3_step.py").read_text().partition("def rnn_step_backward")
    for cell in notebook.cells:
        if "raise NotImplementedError" in cell.source:
            cell.source = solution[1] + solution[2] + "\n\ncheck(rnn_step_backward)\n"
    build.execute(notebook)
    text = "".join(o.get("text", "") for c in notebook.cells if c.cell_type == "code" for o in c.outputs)
    assert "rnn_step_backward: right" in text


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_the_notebook_runs_where_a_browser_would_run_it(source: Path) -> None:
    """In quick mode, without fcntl, resource, multiprocessing, compiled kernels, or a process for the check."""
    environment = os.environ | {"CHARRNN_NOTEBOOK_QUICK": "1", "CHARRNN_KERNELS": "numpy", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, BARE, source, COURSE / "solutions" / source.name],
        cwd=COURSE, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in (name for name, path in SOLVED.items() if path.stem == source.stem):
        assert f"{name}: not written yet" in done.stdout
        assert f"{name}: right" in done.stdout
