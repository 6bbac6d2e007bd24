"""The short form of `./run torture`: kill -9 at random moments costs nothing but time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.torture.kills import torture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path: Path) -> None:
    outcome = torture(kills=8, seed=1, folder=tmp_path, steps=250)
    assert outcome.differences == []
    assert outcome.kills == 8
    assert outcome.in_training > 0
