"""How the names of arrays and sizes are read, and the mistakes that are made from the source of the references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from charrnn.learning import references
from charrnn.learning.mistakes import HEAD, generated
from charrnn.learning.mistakes.generated import KINDS
from charrnn.learning.mistakes.mistake import source_of
from charrnn.learning.names import part_of, size_of
from charrnn.learning.references import NETWORKS
from charrnn.learning.rewritten import changed
from charrnn.learning.rules.sampling import sampling
from charrnn.learning.rules.updates import UPDATES
from tests.learning.test_check import DERIVATIONS


@pytest.mark.parametrize(
    ("name", "part"),
    [("W_input_to_hidden", "U"), ("i2h", "U"), ("weights_in", "U"), ("hidden_hidden_w", "W"), ("W_rec", "W"),
     ("h2o", "V"), ("W_decoder", "V"), ("bias_h", "b"), ("b_out", "c"), ("output_bias", "c"), ("max", ""), ("xs", ""),
     ("hs", ""), ("mask", "")],
)  # fmt: skip
def test_an_array_is_known_by_the_shape_of_its_name(name: str, part: str) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("name", "size"),
    [("vocab_size", "K"), ("X_size", "K"), ("num_chars", "K"), ("H_size", "H"), ("n_a", "H"), ("hidden", "H"),
     ("z_size", "J"), ("seq_length", "T"), ("T_steps", ""), ("batch_size", "B"), ("hprev", ""), ("xs", ""), ("c", "")],
)  # fmt: skip
def test_a_size_is_known_by_its_name(name: str, size: str) -> None:
    assert size_of(name) == size


@pytest.mark.parametrize("network", NETWORKS)
def test_generated_mistakes_replace_a_line_that_is_there_once_and_name_its_equation(network: str) -> None:
    found = generated(network)
    assert {m.name for m in found} <= set(KINDS)
    assert len({(m.line, m.wrong) for m in found}) > 90
    for mistake in found:
        assert source_of(HEAD if mistake.where == HEAD else network).count(mistake.line) == 1, mistake.line
        assert mistake.wrong != mistake.line
        topic = mistake.equation.partition(".")[0]
        assert f"[{mistake.equation}]" in (DERIVATIONS / f"{topic}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("definition", [references.rnn, UPDATES["adam"].definition, sampling])
def test_a_definition_is_rebuilt_only_where_each_piece_is_there_once(definition: Callable[..., Any]) -> None:
    assert changed(definition, ()) is definition
    made = changed(definition, (("def ", "def "),))
    assert made.__name__ == definition.__name__
    assert made is not definition
    assert made is changed(definition, (("def ", "def "),))  # made once
    assert changed(definition, (("return ", "return 1 or "),)).__code__ != definition.__code__
    for piece in ("no such line", " = "):
        with pytest.raises(LookupError, match=f"occurs [0-9]+ times in {definition.__name__}"):
            changed(definition, ((piece, ""),))
