"""One bad model, run or name breaks no other: it is refused at the door in one line, or is the only one that fails."""

from __future__ import annotations

import json
import logging
import os
import shutil
import struct
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from starlette.testclient import TestClient

import charrnn
from charrnn.errors import TextError
from charrnn.serving.api import run_records
from charrnn.serving.app import make_app
from charrnn.serving.models import Models
from charrnn.text.vocabulary import Vocabulary
from tests.faults.commands import run

LISTS = ("/api/runs", "/v1/models", "/healthz", "/metrics", "/openapi.json")


def changed(source: Path, target: Path, vocabulary: str = "", **provenance: Any) -> Path:
    """Write a model with other values in its header, as a stranger might, with the right digest."""
    model = charrnn.load(source)
    model.provenance.update(provenance)
    model.vocabulary.characters = vocabulary or model.vocabulary.characters
    dumps = json.dumps
    with patch.object(json, "dumps", lambda value, **options: dumps(value, **{**options, "ensure_ascii": True})):
        model.save(target)
    return target


def client_of(*paths: Path) -> TestClient:
    return TestClient(make_app(Models(paths)), base_url="http://localhost", raise_server_exceptions=False)


def listed(*paths: Path) -> list[dict[str, Any]]:
    with client_of(*paths) as client:
        for path in LISTS:
            assert client.get(path).status_code == 200, path
        runs: list[dict[str, Any]] = client.get("/api/runs").json()["runs"]
    assert len(runs) == len(paths)
    return runs


def test_half_a_surrogate_pair_is_no_character() -> None:
    for characters in ("ab\ud800", "\udfff", "\ud83d\ude00"):
        with pytest.raises(TextError, match=r"^U\+D[0-9A-F]{3} is half of a surrogate pair"):
            Vocabulary(characters)
    assert len(Vocabulary("ab\ud7ff\ue000\U0001f600")) == 5


def test_a_vocabulary_that_no_text_can_have_is_refused_where_it_is_read(run_path: Path, tmp_path: Path) -> None:
    vocabulary = charrnn.load(run_path).vocabulary.characters
    changed(run_path, tmp_path / "bad.safetensors", vocabulary[:-1] + "\ud800")
    for command in ("serve", "info", "sample"):
        status, out, err = run(tmp_path, command, "bad.safetensors")
        assert (status, out) == (2, b"")
        assert err.startswith(b"charrnn: error: 'bad.safetensors' is damaged: ")
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "\ud800"}, {"text": ["book"]}, {"text": "a\x1b]0;title\x07"}, {"text": {"a": 1}},
    ],
)  # fmt: skip
def test_whatever_a_model_says_of_its_origin_the_lists_are_whole(
    run_path: Path,
    tmp_path: Path,
    changes: dict[str, Any],
) -> None:
    bad = changed(run_path, tmp_path / "bad.safetensors", **changes)
    good, other = listed(run_path, bad)
    assert (good["id"], good["cell"], other["id"], other["cell"]) == ("cat", "qrnn", "bad", "qrnn")
    assert other["text"] in (None, "\\ud800", "a\\x1b]0;title\\x07")


def test_a_model_that_fails_unforeseen_hides_no_other(
    run_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    facts, calls = run_records._facts, []

    def failing(model: charrnn.LanguageModel) -> dict[str, Any]:
        calls.append(model)
        if model is calls[0]:
            raise ZeroDivisionError
        return facts(model)

    monkeypatch.setattr(run_records, "_facts", failing)
    bad, good = listed(run_path, run_path)
    assert (bad["cell"], good["cell"]) == (None, "qrnn")
    assert "ZeroDivisionError" in caplog.text


def test_a_model_that_is_replaced_by_a_damaged_one_stays_and_the_log_says_so_once(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("charrnn.serving.models.LOOK_EVERY", -1.0)
    path = tmp_path / "cat.safetensors"
    shutil.copy(run_path / "model.safetensors", path)
    served = Models([path]).get("cat")
    before = served.model
    path.write_bytes(path.read_bytes()[:1000])
    assert served.model is served.model is before
    assert caplog.text.count("model 'cat' is served as it was before: ") == 1
    shutil.copy(run_path / "model.safetensors", path)
    assert served.model is not before
    assert len(caplog.records) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
@pytest.mark.parametrize("name", [b"caf\xe9", b"a\x1b[2Jb", b"a\nb", "\u202ecat".encode()])
def test_a_folder_of_any_name_is_served(run_path: Path, tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    shutil.copytree(run_path, path)
    good, odd = listed(run_path, path)
    assert (good["id"], odd["cell"]) == ("cat", "qrnn")
    assert odd["id"].isprintable()
    with client_of(path) as client:
        answer = client.post("/v1/completions", json={"model": odd["id"], "prompt": "The", "max_tokens": 2})
        assert answer.json()["model"] == odd["id"]


@pytest.mark.parametrize(
    "record",
    [
        '{"step": "one", "epoch": 1, "val_loss": 2}', '{"step": 1, "epoch": null, "val_loss": 2}',
        '{"step": 1, "epoch": NaN, "val_loss": Infinity}', '{"step": 1, "epoch": 1, "val_loss": 1' + "0" * 400 + "}",
        '{"step": -1, "epoch": [], "seconds": {}, "train_loss": true}',
    ],
)  # fmt: skip
def test_records_of_any_kind_are_left_out_of_the_curve(run_path: Path, tmp_path: Path, record: str) -> None:
    path = tmp_path / "odd"
    shutil.copytree(run_path, path)
    lines = (path / "metrics.jsonl").read_text().splitlines()
    (path / "metrics.jsonl").write_text("\n".join([*lines, record, record, ""]))
    with client_of(run_path, path) as client:
        good, odd = (client.get(f"/api/runs/{id}/metrics") for id in ("cat", "odd"))
    assert (good.status_code, odd.status_code) == (200, 200)
    assert odd.json()["val"] == good.json()["val"]


def test_hostile_files_at_the_start_are_refused_in_one_line(run_path: Path, tmp_path: Path) -> None:
    whole = (run_path / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", whole[:8])[0]
    for name, content in {
        "empty": b"", "torn": whole[:-3], "long": struct.pack("<Q", 1 << 62) + whole[8:], "text": b"The clock",
        "deep": struct.pack("<Q", 200_000) + b"[" * 200_000, "nul\x1b[2J": whole[: 8 + size].replace(b"{", b"\0"),
    }.items():  # fmt: skip
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    for path in sorted(tmp_path.iterdir()):
        status, out, err = run(tmp_path, "serve", path.name, "--port", 0)
        assert (status, out) == (2, b""), path
        assert err.startswith(b"charrnn: error: "), path
        assert len(err.splitlines()) == 1
        assert b"\x1b" not in err


def test_what_strangers_ask_for_reaches_the_log_escaped(
    run_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("charrnn.serving.guard._split", lambda address: 1 / 0)
    with caplog.at_level(logging.ERROR), client_of(run_path) as client:
        assert client.get("/a%1b%5b2J%0ab").status_code == 500
    assert "a request to /a\\x1b[2J\\nb failed" in caplog.text
