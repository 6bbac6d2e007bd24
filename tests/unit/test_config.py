from __future__ import annotations

from pathlib import Path

import pytest

from charrnn.config import TrainConfig, make_config
from charrnn.errors import ConfigError
from charrnn.recipes import read_recipe, recipe_names


def test_values_take_their_declared_types_and_old_spellings_are_known() -> None:
    config = make_config({"rnn_size": 10, "seq_length": 5, "max_iters": 3, "epochs": 2, "learning_rate": 1})
    assert (config.hidden_size, config.seq_len, config.steps) == (10, 5, 3)
    assert (type(config.epochs), type(config.learning_rate)) == (float, float)


def test_a_configuration_survives_its_own_json_form() -> None:
    config = make_config({"hidden_size": 7, "minutes": 0.5, "patience": 3})
    assert make_config(config.as_dict()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hiden_size": 3}, "no setting is called 'hiden_size': did you mean 'hidden_size'"),
        ({"hidden_size": 0}, "hidden_size 0 is too small: it must be at least 1"),
        ({"hidden_size": 1.5}, "hidden_size must be a whole number"),
        ({"hidden_size": True}, "hidden_size must be a whole number"),
        ({"hidden_size": "12"}, "hidden_size must be a whole number"),
        ({"hidden_size": None}, "hidden_size needs a value"),
        ({"learning_rate": 0}, "learning_rate 0.0 is too small: it must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number"),
        ({"val_fraction": 1.0}, "val_fraction 1.0 is too large: it must be below 1"),
        ({"val_fraction": 0.6, "test_fraction": 0.5}, "leave nothing to train on"),
        ({"dtype": "float23"}, "dtype 'float23' is not known: did you mean 'float32'"),
        (
            {"chunk_len": 100, "seq_len": 30, "batching": "chunked"},
            "chunk_len 100 is not a multiple of seq_len 30: 90 would be 3 windows",
        ),
        ({"encoding": 3}, "encoding must be text"),
        ({"chunk_len": 60, "seq_len": 30}, "chunk_len 60 has no effect with batching 'sequential'"),
        ({"patience": 3, "val_fraction": 0}, "patience 3 needs a validation split, and val_fraction is 0"),
        ({"learning_rate": 10**400}, "not one of 401 digits"),
    ],
)
def test_values_out_of_range_name_value_limit_and_remedy(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(values)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid_and_changes_something(name: str) -> None:
    assert make_config(read_recipe(name).settings) != TrainConfig()


def test_the_reference_recipe_is_the_reference_setting() -> None:
    config = make_config(read_recipe("reference").settings)
    assert (config.cell, config.hidden_size, config.seq_len, config.learning_rate) == ("rnn", 200, 25, 0.001)
    assert (config.epochs, config.schedule, config.warmup_steps, config.weight_decay) == (5.0, "constant", 0, 0.0)


def test_recipe_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("hidden_size = 12\n")
    assert read_recipe(str(path)).settings == {"hidden_size": 12}
    path.write_text("hidden_size = ")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        read_recipe(str(path))
    with pytest.raises(ConfigError, match="cannot read the recipe"):
        read_recipe(str(tmp_path / "missing.toml"))
    with pytest.raises(
        ConfigError, match=r"recipe 'referense' is neither known nor a \.toml file: did you mean 'reference'"
    ):
        read_recipe("referense")
