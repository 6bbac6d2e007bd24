"""A text that changes while it is read, and files whose bytes are no longer those that were written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import charrnn
from charrnn.config import ModelConfig
from charrnn.errors import RunError, TextError
from charrnn.language_model import LanguageModel
from charrnn.nn.model import CharModel
from charrnn.runs.files import read_arrays, write_atomic
from charrnn.text import mapped
from charrnn.text.vocabulary import Vocabulary
from tests.fuzz.flips import unnoticed
from tests.torture.kills import contents
from tests.training.test_runs import Listener, train

TEXT = "one two three. " * 200


@pytest.mark.parametrize("new", ["three two one. " * 200, TEXT * 2, TEXT[:-1], TEXT + "é", "é" + TEXT[1:]])
@pytest.mark.parametrize("moment", ["reading", "encoding"])
def test_a_text_that_changes_while_it_is_encoded_is_refused_and_nothing_is_cached(
    new: str, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    named = mapped.fingerprint

    def change_before_reading(*arguments: object) -> str:
        name = named([str(path)], "utf-8")
        path.write_text(new)
        return name

    def change_before_encoding(what: str, share: float) -> None:
        if what == "reading":
            path.write_text(new)

    if moment == "reading":
        monkeypatch.setattr(mapped, "fingerprint", change_before_reading)
    with pytest.raises(TextError, match=r"text\.txt changed while it was encoded"):
        mapped.large_corpus([str(path)], "utf-8", tell=change_before_encoding)
    monkeypatch.setattr(mapped, "fingerprint", named)
    assert not list((tmp_path / "cache").rglob("*.*"))
    path.write_text(TEXT)
    corpus = mapped.large_corpus([str(path)], "utf-8")
    assert corpus.vocabulary.decode(np.asarray(corpus.ids)) == TEXT


def test_what_a_killed_encoding_left_is_removed_and_what_is_being_written_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "ids"
    folder.mkdir(parents=True)
    (folder / ".other.ids.abc.part").write_bytes(b"0" * 99)
    (tmp_path / "text.txt").write_text(TEXT)
    with mapped.cached(folder / "another.ids") as file:
        mapped.large_corpus([str(tmp_path / "text.txt")], "utf-8")
        file.write(b"whole")
        assert [path.name.startswith(".another") for path in folder.glob(".*")] == [True]
    assert (folder / "another.ids").read_bytes() == b"whole"


def test_every_flipped_bit_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    assert unnoticed(240, seed=3, folder=tmp_path) == []


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_it(damage: bytes | None, book: Path, tmp_path: Path) -> None:
    settings = {"eval_every": 10, "sample_every": 10, "checkpoint_minutes": 1e-9}
    train(book, tmp_path / "whole", steps=40, **settings)
    run = train(book, tmp_path / "run", steps=40, **settings).path
    if damage is None:
        data = bytearray((run / "checkpoint.safetensors").read_bytes())
        data[-9] ^= 4
        damage = bytes(data)
    (run / "checkpoint.safetensors").write_bytes(damage)
    listener = Listener()
    charrnn.train(resume=run, callback=listener)
    assert "checkpoint.safetensors' is" in listener.messages[0]
    assert listener.messages[0].endswith("resuming from the checkpoint before it")
    assert contents(run) == contents(tmp_path / "whole")
    for name in ("checkpoint.safetensors", "checkpoint.previous.safetensors"):
        (run / name).write_bytes(b"gone")
    with pytest.raises(RunError, match=r"checkpoint\.safetensors' is not a whole safetensors file"):
        charrnn.train(resume=run, callback=Listener())


def test_files_of_pytorch_without_a_digest_are_read_and_biases_whose_sum_overflows_refused(tmp_path: Path) -> None:
    network = CharModel(ModelConfig(4, "rnn", 3, 1))
    model = LanguageModel(network, network.init_parameters(np.random.default_rng(0)), Vocabulary("abc\n"))
    model.save(tmp_path / "model.safetensors")
    arrays, header = read_arrays(tmp_path / "model.safetensors")
    path = tmp_path / "theirs.safetensors"
    save_file(arrays, path, {"charrnn": json.dumps({**header, "format": 1})})
    assert charrnn.load(path).generate("a", 9, seed=1) == model.generate("a", 9, seed=1)
    for name in arrays:
        if "bias" in name:
            arrays[name].fill(3e38)
    save_file(arrays, path, {"charrnn": json.dumps({**header, "format": 1})})
    with pytest.raises(RunError, match="its sum with the other bias is not finite"):
        charrnn.load(path)


def test_records_are_on_the_disk_before_a_checkpoint_counts_them(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (synced.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))[1]
    )
    monkeypatch.setattr(os, "replace", lambda old, new: (synced.append(str(new)), replace(old, new))[1])
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("only Linux names the file of a handle")
    run = train(book, tmp_path / "run", steps=10).path
    names = [Path(path).name for path in synced]
    last = max(k for k, name in enumerate(names) if name == "checkpoint.safetensors")
    assert "metrics.jsonl" in names[:last]
    assert str(run / "metrics.jsonl") in synced


@pytest.mark.parametrize("links", [True, False])
def test_the_old_file_keeps_its_name_until_the_new_one_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """A process that is killed between two operations leaves a file under the name, where the system has links."""
    path, previous = tmp_path / "checkpoint", tmp_path / "previous"
    replace, seen = os.replace, []

    def watched(source: str, target: str) -> None:
        seen.append(path.is_file())
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError("no links here")))
    for data in (b"one", b"two", b"three"):
        write_atomic(path, data, previous)
    assert (path.read_bytes(), previous.read_bytes()) == (b"three", b"two")
    assert seen == ([False, True, True] if links else [False, True, False, True, False])
