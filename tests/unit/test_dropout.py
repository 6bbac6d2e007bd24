from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.errors import ConfigError
from charrnn.nn.dropout import Dropout
from charrnn.nn.model import CharModel
from tests.networks import small_case


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_numbers_are_dropped_at_the_rate_and_the_mean_is_kept(rate: float) -> None:
    dropout = Dropout(rate, (50, 20, 30), np.float64)
    x = np.full((50, 20, 30), 3.0)
    y = dropout.forward(x, np.random.default_rng(0))
    assert ((y == 0) | np.isclose(y, 3.0 / (1.0 - rate), rtol=1e-12)).all()
    assert (y == 0).mean() == pytest.approx(rate, abs=0.01)
    assert y.mean() == pytest.approx(3.0, rel=0.06)
    np.testing.assert_array_equal(x, 3.0)
    d = np.ones_like(x)
    assert dropout.backward(d, out=d) is d
    np.testing.assert_array_equal(d, y / 3.0)


def test_what_is_not_dropped_passes_untouched() -> None:
    x, d, rng = np.ones((4, 3, 8)), np.ones((4, 3, 8)), np.random.default_rng(0)
    for dropout, generator in ((Dropout(0.0, x.shape, np.float64), rng), (Dropout(0.5, x.shape, np.float64), None)):
        assert dropout.forward(x, generator) is x
        assert dropout.backward(d, out=np.full_like(d, np.nan)) is d


def test_masks_come_from_the_given_stream_alone() -> None:
    one, two = (Dropout(0.5, (4, 3, 8), np.float32) for _ in range(2))
    x = np.ones((4, 3, 8), np.float32)
    rng = np.random.default_rng(1)
    first = one.forward(x, rng).copy()
    np.testing.assert_array_equal(first, two.forward(x, np.random.default_rng(1)))
    assert not np.array_equal(first, one.forward(x, rng))


def test_evaluation_drops_nothing() -> None:
    with_dropout, without = small_case("rnn", 2, dropout=0.5), small_case("rnn", 2)
    logits = [c.model.forward(c.params, c.inputs, c.state, c.workspace())[0] for c in (with_dropout, without)]
    np.testing.assert_array_equal(*logits)
    assert with_dropout.gradients().loss != without.gradients().loss


def test_dropout_without_a_layer_above_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"dropout 0\.2 has no effect with num_layers 1"):
        CharModel(ModelConfig(5, "rnn", 4, dropout=0.2))
    assert CharModel(ModelConfig(5, "rnn", 4, 2, dropout=0.2)).layers[1].dropout == 0.2
    assert CharModel(ModelConfig(5, "qrnn", 4, dropout=0.2)).layers[0].dropout == 0.2
