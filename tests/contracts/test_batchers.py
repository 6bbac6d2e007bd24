"""What every registered batching strategy must do, and what each of them promises besides."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.batching import BATCHERS, make_batcher
from charrnn.config import make_config
from charrnn.errors import TextError

EVERY_STRATEGY = sorted(BATCHERS)
N = 1000
IDS = np.arange(N, dtype=np.uint16)  # every character is its own position


def batcher_of(batching: str, ids: np.ndarray = IDS, **settings: object):
    return make_batcher(ids, make_config({"batching": batching, "seq_len": 7, "batch_size": 4, **settings}))


@pytest.mark.parametrize("batching", EVERY_STRATEGY)
class TestEveryStrategy:
    @pytest.mark.parametrize("batch_size", [1, 3, 10])
    def test_inputs_are_consecutive_and_targets_one_further_on(self, batching: str, batch_size: int) -> None:
        batcher = batcher_of(batching, batch_size=batch_size)
        for index in range(3 * batcher.batches_per_epoch):
            batch = batcher[index]
            assert batch.inputs.shape == batch.targets.shape == (7, batch_size)
            assert batch.fresh.shape == (batch_size,)
            np.testing.assert_array_equal(batch.inputs[1:], batch.targets[:-1])
            np.testing.assert_array_equal(batch.inputs + 1, batch.targets)
            np.testing.assert_array_equal(batch.inputs[0], batch.starts if batch.starts.ndim == 1 else batch.starts[0])

    def test_a_lane_that_is_not_fresh_goes_on_where_it_was(self, batching: str) -> None:
        batcher = batcher_of(batching)
        last = batcher[0].targets[-1]
        for index in range(1, 4 * batcher.batches_per_epoch):
            batch = batcher[index]
            carried = ~batch.fresh
            np.testing.assert_array_equal(batch.inputs[0][carried], last[carried])
            last = batch.targets[-1]

    def test_every_lane_of_the_first_batch_is_fresh(self, batching: str) -> None:
        assert batcher_of(batching)[0].fresh.all()

    def test_a_batch_depends_on_its_number_alone(self, batching: str) -> None:
        one, two = batcher_of(batching), batcher_of(batching)
        for index in (50, 3, 2000, 3):
            for _ in range(index % 5):
                two[index + 1]
            for a, b in zip(one[index], two[index], strict=True):
                np.testing.assert_array_equal(a, b)

    def test_ids_keep_their_type(self, batching: str) -> None:
        assert batcher_of(batching)[0].inputs.dtype == IDS.dtype

    def test_the_shortest_text_works_and_a_shorter_one_names_the_remedy(self, batching: str) -> None:
        config = make_config({"batching": batching, "seq_len": 7, "batch_size": 4})
        needed = BATCHERS[batching].characters_needed(config)
        batcher = make_batcher(IDS[:needed], config)
        for index in range(20):
            assert batcher[index].targets.max() < needed
        with pytest.raises(TextError, match=rf"needs {needed} characters; the training split has {needed - 1}: lower"):
            make_batcher(IDS[: needed - 1], config)


@pytest.mark.parametrize("batching", ["random", "chunked"])
def test_another_seed_gives_another_order(batching: str) -> None:
    one, two = (batcher_of(batching, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one[0].inputs, two[0].inputs)


def test_sequential_reads_every_part_once_an_epoch_and_rolls_the_lanes() -> None:
    batcher = batcher_of("sequential")
    for epoch in range(5):
        first = epoch * batcher.batches_per_epoch
        read = np.concatenate([batcher[first + k].inputs for k in range(batcher.batches_per_epoch)])
        part = batcher.part_len
        assert part * 4 > N - 1 - 4 * 7
        np.testing.assert_array_equal(np.sort(read.ravel()), np.arange(4 * part))
        starts = (np.arange(4) + epoch) % 4 * part  # lane b goes on where lane b − 1 … of the text, its own end, is
        np.testing.assert_array_equal(read[0], starts)


def test_sequential_state_is_zeroed_only_at_the_beginning_of_the_text() -> None:
    batcher = batcher_of("sequential")
    for index in range(1, 6 * batcher.batches_per_epoch):
        batch = batcher[index]
        np.testing.assert_array_equal(batch.fresh, batch.inputs[0] == 0)


def test_random_starts_are_fresh_and_reach_the_whole_text() -> None:
    batcher = batcher_of("random")
    starts = np.concatenate([batcher[k].inputs[0] for k in range(3000)])
    assert all(batcher[k].fresh.all() for k in range(50))
    assert starts.min() == 0
    assert starts.max() == N - 7 - 1
    counts = np.bincount(starts, minlength=N - 7)
    assert counts.min() > 0
    assert abs(counts.mean() - 3000 * 4 / (N - 7)) < 1e-9
    assert counts.std() < 1.3 * np.sqrt(counts.mean())  # as scattered as chance makes it, not more


def test_chunked_reads_every_chunk_once_an_epoch_in_a_new_order() -> None:
    batcher = batcher_of("chunked", chunk_len=21)
    assert (batcher.windows, batcher.num_chunks) == (3, 47)
    turns = [batcher[3 * group].inputs[0] // 21 for group in range(47 * 2 // 4 + 1)]
    order = np.concatenate(turns)
    first, second = order[:47], order[47:94]
    np.testing.assert_array_equal(np.sort(first), np.arange(47))
    np.testing.assert_array_equal(np.sort(second), np.arange(47))
    assert not np.array_equal(first, second)


def test_chunked_keeps_order_and_state_inside_a_chunk() -> None:
    batcher = batcher_of("chunked", chunk_len=21)
    for index in range(60):
        batch = batcher[index]
        assert batch.fresh.all() == (index % 3 == 0)
        assert batch.fresh.any() == (index % 3 == 0)
        np.testing.assert_array_equal(batch.inputs[0] % 21, index % 3 * 7)
