"""The figure of a search: where things stand, and that nothing is too odd to be drawn."""

from __future__ import annotations

from typing import Any

import pytest

from charrnn.figures.search import SPAN, draw_search, position, ticks
from charrnn.figures.style import image

SIZES = {"low": 10, "high": 1000, "log": True}
RATES = {"low": 0.0, "high": 0.4, "log": False}


def run(number: int, loss: float | None, state: str = "finished", size: int = 100, cell: str = "rnn") -> dict[str, Any]:
    settings = {"hidden_size": size, "dropout": 0.1, "cell": cell}
    return {"number": number, "setting": number, "state": state, "settings": settings, "val_nats_per_char": loss}


SCALES: dict[str, dict[str, Any]] = {"hidden_size": SIZES, "dropout": RATES, "cell": {"values": ["rnn", "g$u", "_"]}}


def test_values_stand_where_they_belong() -> None:
    assert position(100, SIZES) == pytest.approx(0.5)
    assert position(0.1, RATES) == pytest.approx(0.25)
    assert [position(v, {"values": [1, 5, 100]}) for v in (1, 5, 100)] == [0.0, 0.5, 1.0]
    assert position("x", {"values": ["x"]}) == 0.5
    assert ticks(SIZES)[2] == (0.5, "100")
    assert ticks({"values": ["a", "b"]}) == [(0.0, "a"), (1.0, "b")]
    assert len(ticks({"values": list(range(100))})) == 8


def test_every_run_is_drawn_and_those_beyond_the_scale_at_its_edge() -> None:
    records = [
        run(0, 2.0),
        run(1, 1.5),
        run(2, 1.4, cell="g$u"),
        run(3, 9.0),
        run(4, None, "failed"),
        run(5, 1.6, "pruned"),
    ]
    figure = draw_search(records, SCALES, 2, 2)
    left, right = figure.axes
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["finished", "ended early", "beyond the scale", "failed", "best so far"]
    bottom, top = left.get_ylim()
    assert bottom < 1.4 < top < 9.0
    assert top < 1.4 + (SPAN + 1) * 0.2
    best = next(line for line in left.lines if line.get_label() == "best so far")
    assert list(best.get_ydata()) == [2.0, 1.5, 1.4, 1.4, 1.4]
    thick = [line for line in right.lines if line.get_linewidth() > 2]
    assert len(thick) == 1
    assert thick[0].get_ydata()[2] == 0.5  # g$u
    assert any(text.get_text().startswith("≥ ") for text in right.texts)
    assert image(figure, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "records", [[run(0, None, "failed")], [run(0, 1.0)], [run(0, 1.0), run(1, 1.0)], [run(0, 1.0, "pruned")]]
)
def test_few_runs_are_drawn_too(records: list[dict[str, Any]]) -> None:
    assert image(draw_search(records, SCALES, None, 1), "svg").startswith(b"<?xml")
