"""Print the badges that open the course in Colab and Binder, for the address at which a copy of the project lies.

    python course/badges.py https://github.com/OWNER/REPOSITORY

Colab opens a notebook without the files beside it, so that each needs a first cell; it is printed, too.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

COURSE = Path(__file__).parent
COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2/gh"


def badges(address: str, branch: str = "main") -> str:
    """A line for each notebook, in Markdown.

    Raises
    ------
    SystemExit
        The address is not that of a repository on GitHub, which is what both services open.
    """
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", address)
    if not match:
        raise SystemExit(
            f"'{address}' is not the address of a repository on GitHub: https://github.com/OWNER/REPOSITORY"
        )
    repository = match[1]
    lines = []
    for notebook in sorted(COURSE.glob("*.ipynb")):
        path = f"course/{notebook.name}"
        lines.append(
            f"- {notebook.stem.replace('_', '. ', 1).replace('_', ' ')}: "
            f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
            f"({COLAB}/{repository}/blob/{branch}/{path}) "
            f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]"
            f"({BINDER}/{repository}/{branch}?labpath={path.replace('/', '%2F')})"
        )
    return "\n".join(lines)


def first_cell(address: str) -> str:
    """What a notebook runs first in Colab."""
    return f"!git clone --depth 1 {address} charrnn\n%cd charrnn/course\n%pip install -q .. -r requirements.txt"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("name the address: python course/badges.py https://github.com/OWNER/REPOSITORY")
    print(badges(sys.argv[1]))
    print(f"\nThe first cell in Colab:\n\n{first_cell(sys.argv[1])}")
