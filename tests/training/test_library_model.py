"""To start from a library text by its name: its model is trained once, kept in the cache, and found there again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import charrnn
from charrnn.errors import RunError, TextError
from charrnn.runs.folder import RunFolder
from charrnn.sweeps.spec import read_spec
from charrnn.text.library import CACHE, DEFAULT
from charrnn.training.library_model import UNFINISHED, kept_model, library_model
from tests.training.test_runs import Listener

TINY: dict[str, Any] = {
    "cell": "gru", "hidden_size": 8, "num_layers": 1, "batch_size": 2, "seq_len": 16, "ngrams": "none", "steps": 3,
    "val_fraction": 0.01,
}  # fmt: skip
NAMES = [first + rest for first in "ABCDE" for rest in ("nna", "én", "ob", "ert", "is")]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def refused(*arguments: Any, **settings: Any) -> Any:
    raise AssertionError("the model was there, and was trained again")


def test_a_model_is_trained_once_and_kept(cache: Path) -> None:
    listener = Listener()
    folder = library_model(DEFAULT, listener, charrnn.train, **TINY)
    assert folder == kept_model(DEFAULT)
    assert cache in folder.parents
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert "done once; it is kept in" in listener.messages[0]
    assert library_model(DEFAULT, listener, refused) == folder
    run = charrnn.train(NAMES, init_from=DEFAULT, steps=2, out="run", callback=Listener())
    assert run.config.init_from == str(folder)
    assert run.config.cell == "gru"
    assert run.parent_val is not None  # the text before was found again
    assert run.model.provenance["parents"][0]["text"] == DEFAULT


def test_training_that_was_interrupted_goes_on(cache: Path) -> None:
    unfinished = kept_model(DEFAULT).with_name(kept_model(DEFAULT).name + UNFINISHED)
    charrnn.train((DEFAULT,), out=unfinished, callback=Listener(), **{**TINY, "steps": 2})
    RunFolder(unfinished).model.stat()
    folder = library_model(DEFAULT, Listener(), charrnn.train, **TINY)
    assert charrnn.load(folder).provenance["step"] == 2  # of the run that was there
    assert not unfinished.exists()


def test_a_file_of_that_name_goes_first(cache: Path) -> None:
    charrnn.train((DEFAULT,), out="own", callback=Listener(), **TINY)
    (Path("own") / "model.safetensors").rename(DEFAULT)
    run = charrnn.train(NAMES, init_from=DEFAULT, steps=2, out="run", callback=Listener())
    assert run.config.init_from == str(Path(DEFAULT).resolve())
    assert not cache.exists()


def test_nothing_is_trained_for_a_text_that_is_not_there(cache: Path) -> None:
    with pytest.raises(TextError, match=r"'nowhere\.txt' is neither a file nor"):
        charrnn.train("nowhere.txt", init_from=DEFAULT, callback=Listener())
    with pytest.raises(RunError, match=r"there is no model at 'clockmaker-cup': did you mean 'clockmakers-cup'\?"):
        charrnn.train(NAMES, init_from="clockmaker-cup", callback=Listener())
    assert not cache.exists()


def test_a_sweep_may_start_from_it(cache: Path, tmp_path: Path) -> None:
    spec = 'text = "clockmakers-cup"\n[settings]\ninit_from = "{}"\n[search]\ndropout = [0.1, 0.2]\n'
    (tmp_path / "spec.toml").write_text(spec.format(DEFAULT))
    assert read_spec(tmp_path / "spec.toml").settings["init_from"] == DEFAULT
    (tmp_path / "spec.toml").write_text(spec.format("run"))
    assert read_spec(tmp_path / "spec.toml").settings["init_from"] == str(tmp_path / "run")
