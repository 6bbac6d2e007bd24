"""Specifications: what is refused and how it is said, and what is drawn from the space."""

from __future__ import annotations

import copy
import itertools
import math
import time
from pathlib import Path
from typing import Any

import pytest

from charrnn.errors import ConfigError
from charrnn.sweeps import METHODS, make_spec, read_spec
from charrnn.sweeps.samplers import _rounded
from charrnn.sweeps.space import Range
from tests.sweeps.conftest import as_toml

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"serach": {}}, "there is no key 'serach': did you mean 'search'?"),
    ({"method": "bayes"}, "method 'bayes' is not known: choose from grid, random, tpe"),
    ({"method": "random"}, "method 'random' needs the number of settings to try, as in trials = 20"),
    ({"method": "random", "trials": 0}, "trials 0 is too small: it must be at least 1"),
    ({"method": "random", "trials": 1.5}, "trials must be a whole number, not 1.5"),
    ({"trials": 3}, "trials 3 has no effect: the grid has 4 settings"),
    ({"pruning": True}, "pruning has no effect with method 'grid': it goes with method 'tpe'"),
    ({"seeds": []}, "seeds must be a list of whole numbers, such as [0, 1, 2], not []"),
    ({"seeds": [1, 1]}, "seeds [1, 1] lists one twice"),
    ({"seeds": ["a"]}, "seeds must be a whole number, not 'a'"),
    ({"seed": -1}, "seed -1 is too small: it must be at least 0"),
    ({"settings": 3}, "settings must be a table, not 3"),
    ({"settings": {"hiden_size": 3}}, "settings: no setting is called 'hiden_size': did you mean 'hidden_size'?"),
    ({"settings": {"seed": 3}}, "settings.seed cannot be set: list the seeds of the runs above the tables, as in "
     "seeds = [0, 1]"),
    ({"settings": {"hidden_size": 3}}, "hidden_size stands in [settings] and in [search]: leave one out"),
    ({"settings": {"rnn_size": 3}}, "hidden_size stands in [settings] and in [search]: leave one out"),
    ({"settings": {"val_fraction": 0.0}}, "settings.val_fraction 0 leaves nothing to compare runs by: it must be "
     "above 0"),
    ({"settings": {"recipe": "quik"}}, "settings.recipe 'quik' is neither known nor a .toml file: did you mean "
     "'quick'?"),
    ({"search": {}}, "there is nothing to search: give a table [search], such as hidden_size = [64, 128]"),
    ({"search": {"cell": ["rnn", "lstmm"]}}, "search.cell 'lstmm' is not known: did you mean 'lstm'?"),
    ({"search": {"cell": "rnn"}}, "search.cell must be a list of values, or a table with low and high, not 'rnn'; what "
     "is the same in all runs belongs in [settings]"),
    ({"search": {"cell": []}}, "search.cell has no values to choose from"),
    ({"search": {"hidden_size": [8, 8]}}, "search.hidden_size lists 8 twice"),
    ({"search": {"hidden_size": [8], "rnn_size": [9]}}, "search: hidden_size and rnn_size are the same setting"),
    ({"search": {"hidden_size": [8.5]}}, "search.hidden_size must be a whole number, not 8.5"),
    ({"search": {"hidden_size": {"low": 1}}}, "search.hidden_size: a range needs low and high; high is missing"),
    ({"search": {"hidden_size": {"low": 1, "high": 9}}}, "search.hidden_size: a grid needs a list of values, or a "
     "range with a step"),
    ({"search": {"hidden_size": {"low": 9, "high": 9}}}, "search.hidden_size: low 9 must be below high 9"),
    ({"search": {"hidden_size": {"low": 0, "high": 9}}}, "search.hidden_size 0 is too small: it must be at least 1"),
    ({"search": {"hidden_size": {"low": 1, "high": 9, "steps": 1}}}, "search.hidden_size: a range has no 'steps': did "
     "you mean 'step'?"),
    ({"search": {"hidden_size": {"low": 1, "high": 9, "step": 0.5}}}, "search.hidden_size: step must be a whole number "
     "above 0, not 0.5"),
    ({"search": {"dropout": {"low": 0.1, "high": 0.5, "step": -1}}}, "search.dropout: step must be a number above 0, "
     "not -1"),
    ({"search": {"dropout": {"low": 0, "high": 0.5, "log": True}}}, "search.dropout: with log, low 0.0 must be above "
     "0"),
    ({"search": {"dropout": {"low": 0, "high": 0.5, "log": 1}}}, "search.dropout: log must be true or false, not 1"),
    ({"search": {"dropout": {"low": 0.1, "high": 0.5, "log": True, "step": 0.1}}}, "search.dropout: step and log do "
     "not go together: leave one out, or list the values"),
    ({"search": {"cell": {"low": "rnn", "high": "gru"}}}, 'search.cell: a range is for numbers; list the values: '
     'cell = ["rnn", "gru"]'),
    ({"search": {"hidden_size": {"low": 1, "high": 500_000, "step": 1}}}, "the grid has 500,000 settings, more than "
     "100,000: search by method 'random'"),
    ({"text": "-"}, "text '-': the runs of a sweep cannot share standard input: write it to a file"),
    ({"text": []}, "text is an empty list: name a file, or leave it out"),
    ({"text": 3}, "text must be a file's name or a list of them, not 3"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG, ids=lambda x: x[:60] if isinstance(x, str) else "")
def test_what_is_wrong_is_said_in_one_line(small: dict[str, Any], tmp_path: Path, change: Any, message: str) -> None:
    values = copy.deepcopy(small)
    for key, value in change.items():
        if key == "settings" and isinstance(value, dict):
            values[key].update(value)
        else:
            values[key] = value
    with pytest.raises(ConfigError) as error:
        make_spec(values)
    assert str(error.value) == message
    (tmp_path / "s.toml").write_text(as_toml(values))
    with pytest.raises(ConfigError) as from_file:
        read_spec(tmp_path / "s.toml")
    assert str(from_file.value) == f"sweep '{tmp_path / 's.toml'}': {message}"


def test_files_that_are_no_specification(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the sweep '.*none.toml': No such file or directory"):
        read_spec(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("text = ")
    with pytest.raises(ConfigError, match=r"sweep '.*bad.toml' is not valid TOML: "):
        read_spec(tmp_path / "bad.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read the sweep"):
        read_spec(tmp_path / "binary.toml")


def test_files_are_looked_for_beside_the_specification(small: dict[str, Any], text: Path) -> None:
    recipe = text.parent / "mine.toml"
    recipe.write_text("hidden_size = 4\n")
    values = {**small, "text": [text.name, text.name], "settings": {"recipe": "mine.toml"}}
    (text.parent / "s.toml").write_text(as_toml(values))
    spec = read_spec(text.parent / "s.toml")
    assert spec.text == (str(text), str(text))
    assert spec.settings["recipe"] == str(recipe)
    assert make_spec({**small, "text": "tinyshakespeare"}).text == ("tinyshakespeare",)


def tried(values: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """All settings that a sweep tries in a new folder."""
    spec = make_spec(values)
    method = METHODS[spec.method](spec.search, spec.trials, spec.seed, folder)
    return list(itertools.takewhile(lambda chosen: chosen is not None, map(method.settings, range(method.count))))


def test_a_grid_is_every_combination_in_order(small: dict[str, Any], tmp_path: Path) -> None:
    small["search"] = {"dropout": {"low": 0.1, "high": 0.35, "step": 0.1}, "rnn_size": {"low": 4, "high": 8, "step": 4}}
    grid = tried(small, tmp_path)
    assert [tuple(each.values()) for each in grid] == [(0.1, 4), (0.1, 8), (0.2, 4), (0.2, 8), (0.3, 4), (0.3, 8)]
    assert list(grid[0]) == ["dropout", "hidden_size"]


def test_a_large_grid_starts_at_once_and_keeps_no_study(small: dict[str, Any], tmp_path: Path) -> None:
    small |= {"settings": {}, "search": {"hidden_size": list(range(1, 317)), "seq_len": list(range(1, 317))}}
    begun = time.process_time()
    spec = make_spec(small)
    grid = METHODS["grid"](spec.search, None, 0, tmp_path)
    assert grid.count == 316**2
    assert grid.settings(316**2 - 1) == {"hidden_size": 316, "seq_len": 316}
    assert time.process_time() - begun < 5
    assert not (tmp_path / "study.journal").exists()


def test_random_settings_are_those_of_the_seed_and_differ_from_one_another(
    small: dict[str, Any], tmp_path: Path
) -> None:
    small |= {"method": "random", "trials": 40, "seed": 3, "settings": {"steps": 10}}
    small["search"] = {
        "hidden_size": {"low": 10, "high": 1000, "log": True},
        "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
        "seq_len": {"low": 5, "high": 9}, "dropout": {"low": 0.0, "high": 0.5}, "cell": ["rnn", "gru"],
        "batch_size": {"low": 2, "high": 9, "step": 3}, "grad_clip": {"low": 0.1, "high": 0.7, "step": 0.2},
    }  # fmt: skip
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    one = tried(small, folders[0])
    assert one == tried(small, folders[0])  # from the study
    assert one == tried(small, folders[1])
    assert one[:10] == tried({**small, "trials": 10}, folders[2])
    assert one != tried({**small, "seed": 4}, folders[3])
    assert len({tuple(each.values()) for each in one}) == 40
    assert {each["batch_size"] for each in one} == {2, 5, 8}
    assert {each["seq_len"] for each in one} == {5, 6, 7, 8, 9}
    assert {each["cell"] for each in one} == {"rnn", "gru"}
    assert {each["grad_clip"] for each in one} == {0.1, 0.3, 0.5, 0.7}
    sizes = [each["hidden_size"] for each in one]
    assert all(isinstance(size, int) and 10 <= size <= 1000 for size in sizes)
    assert 10 < sum(size < 100 for size in sizes) < 30  # half of a range of two decades is below its middle one
    assert all(0 <= each["dropout"] <= 0.5 and float(f"{each['dropout']:.4g}") == each["dropout"] for each in one)


def test_a_small_space_is_drawn_from_until_it_is_empty(small: dict[str, Any], tmp_path: Path) -> None:
    small |= {"method": "random", "trials": 9}
    assert len(tried(small, tmp_path)) == 4
    (tmp_path / "narrow").mkdir()
    small["search"] = {"dropout": {"low": 0.1234, "high": 0.1236}}  # of four digits each
    assert sorted(each["dropout"] for each in tried(small, tmp_path / "narrow")) == [0.1234, 0.1235, 0.1236]


def test_a_folder_of_a_run_that_never_began_is_no_obstacle(small: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "runs/000").mkdir(parents=True)
    assert len(tried({**small, "method": "random", "trials": 2}, tmp_path)) == 2


def test_a_range_keeps_its_ends() -> None:
    narrow = Range(0.12345678, 0.12345679)
    assert all(0.12345678 <= _rounded(narrow, value) <= 0.12345679 for value in (0.12345678, 0.123456785, 0.12345679))
    assert math.isclose(Range(0.1, 0.7, step=0.2).values[-1], 0.7)
