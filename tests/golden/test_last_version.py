"""Files that an earlier version has written are read by this one, and mean the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from tests.golden.common import Json, call, digests, read_safetensors
from tests.golden.write_files import AFTER, MODELS, RESUME, RUN, asked, facts

FILES = Path(__file__).parent / "files-0.1"
EXPECTED: dict[str, Any] = json.loads((FILES / "expected.json").read_text("utf-8"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The interrupted run, in a place where it may be changed."""
    return Path(shutil.copytree(FILES / RUN, tmp_path / RUN))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_holds_the_same_model(name: str) -> None:
    path, expected = FILES / "models" / f"{name}.safetensors", EXPECTED["models"][name]
    exact = name.endswith("float64")
    found = facts(path)
    for part in ("repr", "arrays", "sample", "greedy"):
        assert found[part] == expected[part], part
    assert found["nats_per_char"] == pytest.approx(expected["nats_per_char"], rel=1e-12 if exact else 1e-5)
    np.testing.assert_allclose(found["per_char"], expected["per_char"], rtol=0, atol=1e-11 if exact else 1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_saved_again_has_the_same_arrays(name: str, tmp_path: Path) -> None:
    charrnn.load(FILES / "models" / f"{name}.safetensors").save(tmp_path / "again.safetensors")
    assert digests(read_safetensors(tmp_path / "again.safetensors")[0]) == EXPECTED["models"][name]["arrays"]


def test_commands_tell_the_same_of_the_run(run: Path) -> None:
    found, expected = asked(run), EXPECTED["run"]
    assert_alike(found["info"], expected["info"])
    assert_alike(found["evaluate"], expected["evaluate"])


def test_the_checkpoint_resumes_to_the_same_parameters(run: Path) -> None:
    done = call(run, *RESUME)
    assert done.returncode == 0, done.stderr
    assert_alike(json.loads(done.stdout), EXPECTED["resumed"])
    found, expected = (read_safetensors(path)[0] for path in (run / "model.safetensors", FILES / AFTER))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-9, err_msg=name)


def assert_alike(found: Json, expected: Json, path: str = "") -> None:
    """All that is expected is there and equal, floats to their ninth digit; there may be more."""
    if isinstance(expected, dict):
        assert expected.keys() <= found.keys(), path
        for name, item in expected.items():
            assert_alike(found[name], item, f"{path}/{name}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9), path
    else:
        assert found == expected, path
