"""docs/sweeps.md: its specification and its Python run as they stand, with fewer steps; its parts are all there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from charrnn.sweeps import METHODS, read_spec, sweep
from charrnn.sweeps.spec import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text()


def test_the_pages_example_runs(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (specification,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(book.parent)
    Path("rates.toml").write_text(specification.replace("steps = 200", "steps = 2"))
    spec = read_spec("rates.toml")
    assert spec.settings["steps"] == 2
    names: dict[str, object] = {}
    exec(compile(code.replace("jobs=2", "jobs=1"), "sweeps.md", "exec"), names)
    assert len(str(names["text"])) == 100
    folder = Path("sweeps/rates")
    assert len(list((folder / "records").iterdir())) == 12
    table = PAGE.split("## The folder")[1].split("Settings are")[0]
    described = set(re.findall(r"`([\w.]+)(?:/000(?:\.json)?)?`", table))
    assert {path.name for path in folder.iterdir()} <= described
    assert "## Settings\n\n| hidden_size | learning_rate | dropout |" in (folder / "README.md").read_text()


def test_without_a_text_the_runs_read_the_bundled_novel(tmp_path: Path) -> None:
    settings = {"cell": "rnn", "num_layers": 1, "ngrams": "none", "steps": 1, "val_fraction": 0.001}
    done = sweep({"settings": settings, "search": {"hidden_size": [4]}}, out=tmp_path / "novel", jobs=1)
    assert [record["state"] for record in done.records] == ["finished"]
    assert json.loads((tmp_path / "novel" / "sweep.json").read_text())["text_name"] == "clockmakers-cup"


def test_the_page_names_every_key_and_method() -> None:
    assert all(re.search(rf"^{key} =|^\[{key}\]|`{key} =|`\[{key}\]`", PAGE, re.MULTILINE) for key in KEYS)
    assert all(f"- `{method}`: " in PAGE for method in METHODS)
