"""The short form of `./run fuzz`."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.files import fuzz


def test_mutated_files_are_refused_or_whole(tmp_path: Path) -> None:
    outcomes, surprises = fuzz(1500, seed=1, folder=tmp_path)
    assert surprises == []
    assert outcomes["refused"] > 1000
