"""The notebook runs from top to bottom, and is stored executed."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "character_rnn.ipynb"


def said_of_a_right_notebook(text: str) -> None:
    """The network that section 2 builds is the package's, to the last digits; and so are the five lines of training."""
    assert "all within tolerance: True" in text
    assert "the package's trainer has exactly these losses: True" in text
    differences = re.findall(r"(?:logits|package's|gradient): (\d\.\de[+-]\d+)$", text, re.MULTILINE)
    assert len(differences) == 7
    assert all(float(difference) < 1e-13 for difference in differences), differences


@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_the_notebook_runs_in_its_quick_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_NOTEBOOK_QUICK", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=280, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 8
    text = "".join(output.get("text", "") for output in outputs)
    said_of_a_right_notebook(text)


def test_the_notebook_is_stored_executed_with_its_figures() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    said_of_a_right_notebook("".join(o.get("text", "") for cell in code for o in cell.outputs))
    assert not [o for cell in code for o in cell.outputs if o.output_type == "error"]
    assert sum("image/png" in o.get("data", {}) for cell in code for o in cell.outputs) >= 8
