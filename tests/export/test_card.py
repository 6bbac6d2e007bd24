"""`--card`: what the card says is what was measured, and no file of the user's is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

import charrnn
from charrnn.errors import ConfigError
from charrnn.export import export
from charrnn.training.callback import Callback
from charrnn.units import with_units
from tests.export.models import make_model


def test_the_card_says_where_the_model_comes_from_and_what_it_copies(book: Path, tmp_path: Path) -> None:
    settings = {"cell": "gru", "hidden_size": 24, "steps": 60, "batch_size": 8, "seq_len": 16}
    run = charrnn.train(book, out=tmp_path / "run", callback=Callback(), **settings)
    result = export(run.path, "npz", tmp_path / "m.npz", quantise="int8", card=True, callback=Callback())
    assert [change for change, _ in result.losses] == ["as trained", "quantised to int8"]
    model = charrnn.load(result.path)
    assert result.losses[0].nats_per_char == pytest.approx(
        charrnn.evaluate(run.path, callback=Callback()).nats_per_char
    )
    val = charrnn.evaluate(result.path, book, split="val", callback=Callback())
    assert result.losses[1].nats_per_char == pytest.approx(val.nats_per_char)
    assert abs(result.losses[1].nats_per_char - result.losses[0].nats_per_char) < 0.002
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: charrnn\n")
    for change, nats in result.losses:
        assert f"- {change}: {with_units(nats)}" in card
    sample = model.generate(length=400, temperature=0.8, top_p=0.95, seed=1)
    assert all(f"    {line}" in card for line in sample.split("\n"))
    assert "that stands in the training split: " in card


def test_a_readme_of_the_users_own_is_left_alone(book: Path, tmp_path: Path) -> None:
    run = charrnn.train(book, out=tmp_path / "run", callback=Callback(), cell="rnn", hidden_size=8, steps=2)
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match="is not a model card"):
        export(run.path, "npz", tmp_path / "m.npz", card=True, callback=Callback())
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "m.npz").exists()


def test_the_card_names_labels_and_counts_characters_without_them(tmp_path: Path) -> None:
    labels = ("Czech", "Irish", "Old Norse")
    model = make_model("gru", 1, documents=True, labels=labels)
    model.save(tmp_path / "names.safetensors")
    export(tmp_path / "names.safetensors", "npz", tmp_path / "m.npz", card=True, callback=Callback())
    card = (tmp_path / "README.md").read_text()
    characters = len(model.vocabulary) - len(labels) - 1  # the boundary is none
    assert f"1 × 13 gru, {characters} characters, " in card
    assert "\nDocuments have a label: Czech, Irish, Old Norse.\n" in card
