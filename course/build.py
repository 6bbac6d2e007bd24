"""Build the notebooks of the course from `sources/`, and execute them.

    python course/build.py            # all of them
    python course/build.py 4 5        # these

A source is a Python file. A line `# %%` begins a cell of code, `# %% [markdown]` a cell of text, whose lines
begin with `# `.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

COURSE = Path(__file__).parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook_of(source: str) -> nbformat.NotebookNode:
    """The notebook that a source describes, not executed."""
    cells = []
    for number, part in enumerate(source.split("# %%")[1:]):
        head, _, body = part.partition("\n")
        if head.strip() == "[markdown]":
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.strip().split("\n"))
            cell = nbformat.v4.new_markdown_cell(body)
        else:
            cell = nbformat.v4.new_code_cell(body.strip())
        cell["id"] = f"cell-{number}"
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def execute(notebook: nbformat.NotebookNode, seconds: int = 280) -> nbformat.NotebookNode:
    """Run a notebook in the folder of the course; a cell that raises ends it."""
    NotebookClient(
        notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": str(COURSE)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times differ from run to run
    return notebook


if __name__ == "__main__":
    for source in sorted((COURSE / "sources").glob("*.py")):
        if not sys.argv[1:] or source.name.partition("_")[0] in sys.argv[1:]:
            nbformat.write(execute(notebook_of(source.read_text(encoding="utf-8"))), COURSE / f"{source.stem}.ipynb")
            print(f"{source.stem}.ipynb")
