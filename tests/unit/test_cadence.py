"""How often a run is evaluated: by the size of its text, so that a tiny one is seen before it is learned by heart."""

from __future__ import annotations

import pytest

from charrnn.config import make_config
from charrnn.training.budget import default_eval_every

BATCHES = {"batch_size": 16, "seq_len": 64}


@pytest.mark.parametrize(
    ("val_characters", "batches_per_epoch", "init_from", "expected"),
    [
        (300, 2, None, 10),  # 300 names
        (300, 2, "a run", 10),
        (2_000, 17, None, 32),  # 20,000 characters: 16 characters of training for each of the validation split
        (500, 40, None, 40),  # a small validation split: an epoch
        (500, 40, "a run", 10),
        (500, 4_000, None, 100),  # a long text, and never later than this for a small split
        (100_000, 900, None, 1563),
        (100_000, 900, "a run", 1563),
    ],
)
def test_evaluations_follow_the_size_of_the_text(
    val_characters: int, batches_per_epoch: int, init_from: str | None, expected: int
) -> None:
    config = make_config({**BATCHES, "init_from": init_from})
    assert default_eval_every(config, val_characters, True, batches_per_epoch) == expected
