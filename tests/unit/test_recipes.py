"""Recipes: which one is taken, and what it makes of a text's length and of what the user has chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.batching import BATCHERS
from charrnn.config import TrainConfig, make_config
from charrnn.errors import ConfigError
from charrnn.nn.layers import LAYERS
from charrnn.recipes import BY_MINUTES, FROM, PLAIN, default_recipe, read_recipe, recipe_names
from charrnn.training.callback import Callback
from charrnn.training.optimizers import OPTIMIZERS
from charrnn.training.resolve import resolve
from charrnn.training.trainer import new_trainer

LENGTHS = (1_000, 50_000, 320_000, 1_000_000, 100_000_000)


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("characters", LENGTHS)
def test_every_recipe_fits_every_length(name: str, characters: int) -> None:
    recipe = read_recipe(name)
    config = make_config({**recipe.settings, **recipe.for_characters(characters)})
    assert config.steps or config.minutes or config.epochs


@pytest.mark.parametrize("name", [f"{prefix}{name}" for name in BY_MINUTES.values() for prefix in ("", PLAIN)])
def test_short_texts_have_the_smallest_network_and_the_most_dropout(name: str) -> None:
    recipe = read_recipe(name)
    configs = [make_config({**recipe.settings, **recipe.for_characters(n)}) for n in LENGTHS]
    sizes, dropouts = [c.hidden_size for c in configs], [c.dropout for c in configs]
    assert min(sizes) == sizes[0] < sizes[-1] == max(sizes)
    assert dropouts == sorted(dropouts, reverse=True)
    assert dropouts[0] > dropouts[-1]


def test_every_cell_has_a_recipe() -> None:
    for cell in LAYERS:
        name = default_recipe({"cell": cell})
        assert name is not None
        assert read_recipe(name).settings["cell"] == cell


def test_minutes_choose_the_recipe() -> None:
    assert [default_recipe({"minutes": m}) for m in (None, 0.5, 2.0, 5.0, 7.5, 600.0)] == [
        "quick", "quick", "quick", "good", "best", "best",
    ]  # fmt: skip
    assert default_recipe({"minutes": 600.0, "cell": "lstm"}) == "lstm"


def test_networks_without_experts_have_recipes_of_their_own() -> None:
    for minutes, name in ((None, "quick"), (5.0, "good"), (600.0, "best")):
        assert default_recipe({"minutes": minutes, "ngrams": "none"}) == f"plain-{name}"
        assert "ngrams" not in read_recipe(f"plain-{name}").settings
        assert read_recipe(name).settings["ngrams"] == "auto"
    assert all("ngrams" not in read_recipe(cell).settings for cell in ("rnn", "lstm", "gru", "reference"))


class Messages(Callback):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def on_message(self, text: str) -> None:
        self.messages.append(text)


def test_what_the_user_chose_goes_before_the_recipe_and_its_sizes(book: Path, tmp_path: Path) -> None:
    callback = Messages()
    settings = {"hidden_size": 7, "steps": 3, "optimizer": "sgd"}
    run = charrnn.train(book, out=tmp_path / "run", callback=callback, recipe="good", **settings)
    config = run.config
    assert (config.hidden_size, config.steps, config.minutes, config.cell, config.num_layers) == (7, 3, None, "qrnn", 2)
    assert (config.optimizer, config.own.get("beta2"), config.learning_rate) == (
        "sgd",
        None,
        OPTIMIZERS["sgd"].usual_rate,
    )
    assert config.weight_decay == 0
    assert config.dropout == read_recipe("good").sizes[0]["dropout"]
    (said,) = [r for r in callback.messages if r.startswith("recipe good; for ")]
    assert f"dropout {config.dropout}" in said
    assert "hidden_size" not in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[sizes]]\nhidden_size = 3\n", f"needs a whole number {FROM}"),
        ('sizes = "large"\n', f"needs a whole number {FROM}"),
        (f"[[sizes]]\n{FROM} = 0\nhidden_sise = 3\n", "no setting is called 'hidden_sise': did you mean 'hidden_size'"),
        (f"[[sizes]]\n{FROM} = 999999999\nhidden_size = 0\n", "hidden_size 0 is too small"),
        ("beta2 = 0.5\noptimizer = 'sgd'\n", "beta2 0.5 has no effect with optimizer 'sgd'"),
    ],
)
def test_mistakes_in_a_recipe_are_named(content: str, message: str, book: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(ConfigError, match=message):
        charrnn.train(book, out=tmp_path / "run", recipe=str(tmp_path / "mine.toml"), steps=1, callback=Callback())
    assert not (tmp_path / "run").exists()


def test_a_single_layer_does_without_the_recipes_dropout(book: Path, tmp_path: Path) -> None:
    one = charrnn.train(book, out=tmp_path / "one", cell="rnn", num_layers=1, steps=1, callback=Callback())
    assert (one.config.num_layers, one.config.dropout) == (1, 0.0)
    two = charrnn.train(book, out=tmp_path / "two", cell="rnn", steps=1, callback=Callback())
    assert two.config.dropout > 0


def chosen_config(characters: int, recipe: str | None = None, **chosen: object) -> TrainConfig:
    return resolve(chosen, recipe, characters).config


ORDINARY: list[dict[str, object]] = [
    {}, *({"optimizer": name} for name in OPTIMIZERS), *({"batching": name} for name in BATCHERS), {"num_layers": 1},
    {"val_fraction": 0.0}, {"val_fraction": 0}, {"eval_every": 10}, {"batching": "chunked", "chunk_len": 3200},
    {"minutes": 3.0}, {"steps": 7}, {"dropout": 0.1, "num_layers": 2}, {"hidden_size": 8}, {"seed": 3},
]  # fmt: skip


@pytest.mark.parametrize("recipe", recipe_names())
@pytest.mark.parametrize("chosen", ORDINARY, ids=str)
def test_every_recipe_goes_with_every_ordinary_choice(recipe: str, chosen: dict[str, object]) -> None:
    for characters in LENGTHS:
        config = chosen_config(characters, recipe, **chosen)
        new_trainer(config, "abcdefghi", np.zeros(20_000, np.uint8))
        assert all(config.as_dict()[name] == value for name, value in chosen.items())


@pytest.mark.parametrize("recipe", recipe_names())
def test_saying_what_the_recipe_says_changes_nothing(recipe: str) -> None:
    for characters in LENGTHS:
        plain = chosen_config(characters, recipe)
        for name in ("optimizer", "batching", "cell", "hidden_size", "learning_rate", "schedule"):
            assert chosen_config(characters, recipe, **{name: getattr(plain, name)}) == plain, name


def test_a_budget_under_its_older_name_is_replaced_too(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("max_iters = 5000\n")
    assert chosen_config(10_000, str(tmp_path / "mine.toml"), minutes=3.0).steps is None


def test_patience_counts_the_recipes_evaluations_only() -> None:
    assert chosen_config(10**6, "best").patience
    assert chosen_config(10**6, "best", eval_every=10).patience is None
    assert chosen_config(10**6, "best", eval_every=10, patience=3).patience == 3


def test_what_is_said_of_a_recipe_is_what_is_used() -> None:
    config, _, (said, *_) = resolve({"cell": "rnn", "num_layers": 1}, None, 50_000)
    assert config.dropout == 0
    assert "dropout" not in said
