"""What an installation takes from the registries is named by the hash of its bytes."""

from __future__ import annotations

import re
import sys
from itertools import chain
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
PINNED = dict(re.findall(r"^([\w.-]+)==(\S+)", CONSTRAINTS, re.MULTILINE))


def test_every_constraint_has_hashes() -> None:
    entries = re.split(r"^(?=\w)", re.sub(r"^#.*\n", "", CONSTRAINTS, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[\w.-]+==\S+.* \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+\Z", entry), entry[:60]


def test_the_build_backend_and_the_installer_are_pinned() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"] == [
        f"hatchling=={PINNED['hatchling']}"
    ]
    assert "uv" in PINNED


def test_every_dependency_is_among_the_constraints() -> None:
    """PyTorch aside, whose wheels differ by platform and index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.match(r"[\w-]+", requirement)[0].lower() for requirement in wanted} - {"charrnn", "torch"}  # type: ignore[index]
    assert names <= PINNED.keys(), names - PINNED.keys()
