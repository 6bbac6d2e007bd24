"""Sweeps on this machine: what is written, what is resumed, what fails, and that backends do not matter."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charrnn import load
from charrnn.errors import ConfigError, DivergenceError, RunError, TextError
from charrnn.interrupts import Interrupted
from charrnn.runs.folder import RunFolder
from charrnn.sweeps import sweep
from charrnn.sweeps.callback import LineSweepCallback, SweepCallback
from charrnn.sweeps.folder import FINISHED, SweepFolder
from charrnn.sweeps.trial import run_trial
from charrnn.training.callback import Callback
from charrnn.training.train import train
from tests.cli.conftest import Run, charrnn  # noqa: F401  (a fixture)
from tests.sweeps.conftest import SETTINGS, TEXT, as_toml, command, rows

QUIET = SweepCallback()


def test_a_grid_through_the_command_line(charrnn: Run, small: dict[str, Any], text: Path) -> None:  # noqa: F811
    (text.parent / "rates.toml").write_text(as_toml({**small, "text": text.name}))
    result = charrnn("sweep", "rates.toml", "--jobs", 2, "--json")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    folder = text.parent / "sweeps" / "rates"
    assert Path(found["sweep"]) == folder
    assert (found["finished"], found["failed"], found["pruned"]) == (8, 0, 0)
    table = rows(folder)
    assert [row["number"] for row in table] == [str(n) for n in range(8)]
    losses = {int(row["number"]): float(row["val_nats_per_char"]) for row in table}
    means = [(losses[2 * k] + losses[2 * k + 1]) / 2 for k in range(4)]
    best = means.index(min(means))
    assert [each["setting"] for each in found["ranking"]] == sorted(range(4), key=lambda k: means[k])
    assert found["ranking"][0]["mean"] == pytest.approx(means[best])
    assert found["best"]["setting"] == best
    assert found["best"]["val_nats_per_char"] == min(losses[2 * best], losses[2 * best + 1])
    model = load(folder / "best")
    assert model.provenance["val_nats_per_char"] == found["best"]["val_nats_per_char"]
    assert model.provenance["settings"]["learning_rate"] == found["best"]["settings"]["learning_rate"]
    assert len(charrnn("sample", folder / "best", "--length", 30, "--quiet").out.strip()) > 0
    page = (folder / "README.md").read_text()
    assert "8 of 8 runs have finished" in page
    assert f"{found['best']['val_nats_per_char']:.4f} nats" in page
    assert (folder / "search.png").read_bytes().startswith(b"\x89PNG")
    again = charrnn("sweep", "rates.toml")
    assert "8 of 8 runs already done" in again.err
    assert "best setting: hidden_size" in again.out


def test_how_many_run_at_a_time_does_not_matter_nor_does_an_interruption_between_runs(
    small: dict[str, Any], tmp_path: Path
) -> None:
    small |= {"method": "random", "trials": 5, "seed": 7}
    small["search"]["learning_rate"] = {"low": 1e-3, "high": 1e-1, "log": True}
    sweep({**small, "trials": 2}, out=tmp_path / "one", jobs=1, callback=QUIET)
    sweep(small, out=tmp_path / "one", jobs=1, callback=QUIET)  # more trials of the same
    lines = io.StringIO()
    sweep(small, out=tmp_path / "three", jobs=3, callback=LineSweepCallback(lines))
    assert len(rows(tmp_path / "three")) == 10
    assert rows(tmp_path / "one") == rows(tmp_path / "three")
    assert lines.getvalue().count("nats (") == 10


def test_every_run_of_a_sweep_starts_from_the_model(small: dict[str, Any], text: Path, tmp_path: Path) -> None:
    parent = train(text, out=tmp_path / "parent", callback=Callback(), hidden_size=6, **SETTINGS)
    (tmp_path / "new.txt").write_text("Ça va? The clock struck one.\n" * 30)
    small |= {"text": str(tmp_path / "new.txt"), "seeds": [0, 1]}
    small["settings"] = {"init_from": str(parent.path), "steps": 12, "eval_every": 6}
    small["search"] = {"learning_rate": [0.003, 0.03], "mix_old": [0.0, 0.5]}
    done = sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    assert [record["state"] for record in done.records] == ["finished"] * 8
    model = load(tmp_path / "out" / "best")
    assert model.network.config.hidden_size == 6
    assert "Ç" in model.vocabulary.characters
    assert model.provenance["parents"][0]["name"] == "parent"
    alone = train(
        tmp_path / "new.txt", out=tmp_path / "alone", callback=Callback(), seed=1, workers=1,
        **{**small["settings"], "learning_rate": 0.003, "mix_old": 0.5},
    )  # fmt: skip
    settings = {"learning_rate": 0.003, "mix_old": 0.5}
    (same,) = [r for r in done.records if r["seed"] == 1 and settings.items() <= r["settings"].items()]
    assert alone.val is not None
    assert same["val_nats_per_char"] == alone.val.nats_per_char


def test_settings_that_optuna_proposes_are_the_same_after_an_interruption(
    small: dict[str, Any], tmp_path: Path
) -> None:
    small |= {"method": "tpe", "trials": 13, "seeds": [0], "pruning": False}
    small["search"] = {
        "hidden_size": {"low": 2, "high": 9}, "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
        "schedule": ["cosine", "constant"], "grad_clip": {"low": 0.5, "high": 2.2, "step": 0.5},
    }  # fmt: skip
    sweep(small, out=tmp_path / "whole", jobs=1, callback=QUIET)
    sweep({**small, "trials": 4}, out=tmp_path / "parts", jobs=1, callback=QUIET)
    sweep({**small, "trials": 11}, out=tmp_path / "parts", jobs=1, callback=QUIET)
    done = sweep(small, out=tmp_path / "parts", jobs=1, callback=QUIET)
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    settings = [record["settings"] for record in done.records]
    assert len({json.dumps(each) for each in settings}) == 13
    assert all(2 <= each["hidden_size"] <= 9 and each["grad_clip"] in (0.5, 1.0, 1.5, 2.0) for each in settings)


def test_runs_worse_than_the_median_are_ended_early(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charrnn.training.session.REPORT_SECONDS", 0.0)
    small |= {"method": "tpe", "trials": 12}
    small["settings"] |= {"steps": 60, "schedule": "constant"}
    small["search"] = {"learning_rate": [1e-6, 0.03]}
    lines = io.StringIO()
    done = sweep(small, out=tmp_path / "out", jobs=1, callback=LineSweepCallback(lines))
    pruned = [record for record in done.records if record["state"] == "pruned"]
    assert pruned
    assert all(record["settings"]["learning_rate"] == 1e-6 and record["step"] < 60 for record in pruned)
    assert all(record["seed"] == 0 for record in pruned)
    assert len(done.records) == 24 - len(pruned)  # the second seed of those is not tried
    assert done.best is not None
    assert done.best["settings"]["learning_rate"] == 0.03
    last = lines.getvalue().splitlines()[-1]
    assert last.startswith(f"{24 - len(pruned)} of {24 - len(pruned)}: ")
    assert f"{len(pruned)} were ended early" in (tmp_path / "out/README.md").read_text()


def test_several_workers_share_a_study(small: dict[str, Any], tmp_path: Path) -> None:
    small |= {"method": "tpe", "trials": 4, "seeds": [0, 1]}
    small["settings"] |= {"steps": 3000, "eval_every": 150}
    done = sweep(
        {**small, "search": {"hidden_size": {"low": 2, "high": 30}}}, out=tmp_path / "o", jobs=2, callback=QUIET
    )
    assert [record["number"] for record in done.records] == list(range(8))
    from charrnn.sweeps.journal import open_study

    trials = open_study(tmp_path / "o").trials
    assert len(trials) == 4
    for trial in trials:
        losses = [r["val_nats_per_char"] for r in done.records if r["setting"] == trial.number]
        assert trial.value == pytest.approx(sum(losses) / 2)
    assert any(trial.intermediate_values for trial in trials)  # reported by workers


def test_a_run_that_fails_is_recorded_and_the_others_go_on(small: dict[str, Any], tmp_path: Path) -> None:
    small["settings"] |= {"batching": "chunked"}
    small["search"] = {"chunk_len": [16, 20]}  # seq_len is 8
    lines = io.StringIO()
    done = sweep(small, out=tmp_path / "out", jobs=1, callback=LineSweepCallback(lines))
    assert [record["state"] for record in done.records] == ["finished", "finished", "failed", "failed"]
    error = done.records[2]["error"]
    assert error == "ConfigError: chunk_len 20 is not a multiple of seq_len 8: 16 would be 2 windows"
    assert f"run 002, chunk_len 20, seed 0: failed: {error}" in lines.getvalue()
    assert rows(tmp_path / "out")[3]["error"] == error
    assert "2 failed" in (tmp_path / "out/README.md").read_text()
    kept = sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    assert kept.records == done.records


def test_failed_runs_are_run_again_when_that_is_asked_for(small: dict[str, Any], tmp_path: Path) -> None:
    done = sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    path = tmp_path / "out/records/005.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "state": "failed", "error": "a full disk"}))
    assert sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET).records[5]["state"] == "failed"
    again = sweep(small, out=tmp_path / "out", jobs=1, retry_failed=True, callback=QUIET)
    times = {"seconds": 0}
    assert [{**record, **times} for record in again.records] == [{**record, **times} for record in done.records]


def test_a_setting_that_has_failed_is_run_again_with_tpe_too(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charrnn.training.session.REPORT_SECONDS", 0.0)  # every loss is judged
    small |= {"method": "tpe", "trials": 1, "seeds": [0]}

    def fail(*_: object) -> None:
        raise OSError("a full disk")

    with monkeypatch.context() as patch:
        patch.setattr("charrnn.sweeps.trial._TrialCallback.on_progress", fail)
        done = sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    assert done.records[0]["error"] == "OSError: a full disk"
    again = sweep(small, out=tmp_path / "out", jobs=1, retry_failed=True, callback=QUIET)
    assert again.records[0]["state"] == "finished", again.records[0]["error"]
    assert again.records[0]["step"] == 10


def test_where_every_run_fails_the_command_says_so(charrnn: Run, small: dict[str, Any], text: Path) -> None:  # noqa: F811
    small["settings"] |= {"optimizer": "sgd", "grad_clip": 0, "steps": 200, "schedule": "constant"}
    small |= {"search": {"learning_rate": [1e39, 1e40]}, "seeds": [0]}
    (text.parent / "s.toml").write_text(as_toml(small))
    result = charrnn("sweep", "s.toml", "--jobs", 1, "--quiet")
    assert result.status == 1
    assert "charrnn: error: every run failed; the first: DivergenceError: " in result.err
    assert "2 failed" in result.out
    assert not Path("sweeps/s/best").exists()
    assert DivergenceError.exit_status == 1


LONG = {"steps": 20_000, "eval_every": 2000, "log_every": 50, "sample_every": 6000, "checkpoint_minutes": 0.005}


def long(small: dict[str, Any]) -> dict[str, Any]:
    return {**small, "settings": {**small["settings"], **LONG}, "seeds": [0], "search": {"hidden_size": [6, 7]}}


def metrics(sweep_folder: Path) -> list[dict[str, Any]]:
    """What the second run has recorded, without times."""
    lines = (sweep_folder / "runs/001/metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(x).items() if k not in ("seconds", "cpu_seconds", "chars_per_second")}
        for x in lines
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the long sweep shows when nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "clock.txt").write_text(TEXT)
    values = {"text": str(folder / "clock.txt"), "settings": SETTINGS}
    sweep(long(values), out=folder / "out", jobs=2, callback=QUIET)
    return {"rows": rows(folder / "out"), "metrics": metrics(folder / "out")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
def test_nothing_is_lost_when_a_sweep_is_stopped(
    small: dict[str, Any], tmp_path: Path, undisturbed: dict[str, Any], number: signal.Signals
) -> None:
    (tmp_path / "s.toml").write_text(as_toml(long(small)))
    arguments = command("sweep", tmp_path / "s.toml", "--jobs", 2, "--out", tmp_path / "out")
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    second = tmp_path / "out/runs/001"
    deadline = time.monotonic() + 60
    while RunFolder(second).latest().get("step", 0) < 100 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), err
    if number != signal.SIGKILL:
        assert err.decode().splitlines()[-1].startswith("charrnn: interrupted: ")
        assert "Traceback" not in err.decode()
    assert 100 <= RunFolder(second).latest()["step"] < LONG["steps"]
    subprocess.run(arguments, check=True, capture_output=True)
    assert rows(tmp_path / "out") == undisturbed["rows"]
    assert metrics(tmp_path / "out") == undisturbed["metrics"]


def test_a_run_whose_checkpoint_is_damaged_is_begun_anew(small: dict[str, Any], tmp_path: Path) -> None:
    done = sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    (tmp_path / "out/records/003.json").unlink()
    (tmp_path / "out/records/004.json").unlink()
    (tmp_path / "out/runs/003/checkpoint.safetensors").write_bytes(b"torn")
    (tmp_path / "out/runs/004/config.json").unlink()
    again = sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    assert [r["val_nats_per_char"] for r in again.records] == [r["val_nats_per_char"] for r in done.records]


def order(sweep_folder: Path, session: str, text: Path) -> dict[str, Any]:
    return {
        "sweep": str(sweep_folder), "session": session, "number": 0, "text": [str(text)], "recipe": None,
        "settings": dict(SETTINGS), "trial": None,
    }  # fmt: skip


def test_a_run_is_kept_when_its_text_is_away_or_another_process_has_it(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charrnn.sweeps.trial.FOLDER_S", 0.0)
    folder = SweepFolder(tmp_path)
    wanted = order(tmp_path, folder.begin_session(), text)
    first = run_trial(wanted)
    files = sorted(folder.run(0).rglob("*"))
    with RunFolder(folder.run(0)).lock(), pytest.raises(RunError, match="another process is training in"):
        run_trial(wanted)
    text.rename(tmp_path / "away")
    with pytest.raises(RunError, match="if the text has moved"):
        run_trial(wanted)
    assert sorted(folder.run(0).rglob("*")) == files
    (tmp_path / "away").rename(text)
    assert run_trial(wanted)["val_nats_per_char"] == first["val_nats_per_char"]


def test_a_checkpoint_that_cannot_be_read_now_is_kept(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SweepFolder(tmp_path)
    wanted = order(tmp_path, folder.begin_session(), text)
    run_trial(wanted)

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("charrnn.runs.files.safe_open", fail)
    with pytest.raises(RunError, match="Input/output error"):
        run_trial(wanted)
    assert RunFolder(folder.run(0)).checkpoint.is_file()


class _Ender(SweepCallback):
    def __init__(self, session: Path) -> None:
        self.session = session
        self.count = 0

    def on_trial_begin(self, number: int, settings: Any, seed: int, path: Path) -> None:
        self.count += 1
        if self.count == 3:
            self.session.unlink()


def test_without_its_session_file_a_sweep_ends(small: dict[str, Any], tmp_path: Path) -> None:
    callback = _Ender(tmp_path / "out/session")
    with pytest.raises(KeyboardInterrupt, match="2 of 8 runs are done"):
        sweep(small, out=tmp_path / "out", jobs=1, callback=callback)
    assert callback.count == 3
    assert len(sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET).records) == 8


def test_folders_and_texts_that_do_not_fit(small: dict[str, Any], text: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    with pytest.raises(RunError, match="exists and is not a sweep's folder"):
        sweep(small, out=tmp_path / "mine", callback=QUIET)
    with pytest.raises(RunError, match="cannot make the folder"):
        sweep(small, out="/dev/null/x", callback=QUIET)
    sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    with pytest.raises(ConfigError, match=r"begun with another seeds \(\[0, 1\], now \[0\]\): choose another --out"):
        sweep({**small, "seeds": [0]}, out=tmp_path / "out", callback=QUIET)
    text.write_text(text.read_text() + "More.")
    with pytest.raises(ConfigError, match="begun with another text_sha256"):
        sweep(small, out=tmp_path / "out", callback=QUIET)
    with pytest.raises(TextError, match=r"none\.txt"):
        sweep({**small, "text": "none.txt"}, out=tmp_path / "new", callback=QUIET)
    text.write_text("abcdefghij")
    with pytest.raises(TextError, match="for the val split"):
        sweep(small, out=tmp_path / "new", callback=QUIET)
    assert not (tmp_path / "new").exists()


def test_one_process_at_a_time_carries_out_a_sweep(small: dict[str, Any], tmp_path: Path) -> None:
    sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    before = (tmp_path / "out/sweep.json").stat()
    with RunFolder(tmp_path / "out").lock(), pytest.raises(RunError, match="another process is training in"):
        sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    assert (tmp_path / "out/sweep.json").stat().st_ino == before.st_ino  # not written


def test_trials_below_what_was_begun_are_refused(small: dict[str, Any], tmp_path: Path) -> None:
    small |= {"method": "random", "trials": 3}
    sweep(small, out=tmp_path / "out", jobs=1, callback=QUIET)
    with pytest.raises(ConfigError, match="trials 2 is too small: 3 settings were begun in "):
        sweep({**small, "trials": 2}, out=tmp_path / "out", jobs=1, callback=QUIET)


def test_a_recipe_that_has_changed_is_another_sweep(small: dict[str, Any], tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("dropout = 0.1")
    for table in ("settings", "search"):
        recipe.write_text("dropout = 0.1")
        value = str(recipe) if table == "settings" else ["quick", str(recipe)]
        wanted = {**small, "seeds": [0], "search": {"hidden_size": [4]}}
        wanted[table] = {**wanted[table], "recipe": value}
        out = tmp_path / table
        sweep(wanted, out=out, jobs=1, callback=QUIET)
        recipe.write_text("dropout = 0.2")
        with pytest.raises(ConfigError, match=r"the recipe '.*mine.toml' has changed since the sweep in"):
            sweep(wanted, out=out, jobs=1, callback=QUIET)


def test_a_finished_sweep_whose_best_run_is_gone_is_still_reported(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr("charrnn.sweeps.results.draw_search", fail)
    lines = io.StringIO()
    done = sweep(small, out=tmp_path / "out", jobs=1, callback=LineSweepCallback(lines))
    assert done.best is not None
    assert "no figure: no such colour" in lines.getvalue()
    page = (tmp_path / "out/README.md").read_text()
    assert "Text: clock.txt (SHA-256 " in page
    assert "; by position, the first 928 characters train, the next 104 validate." in page
    shutil.rmtree((tmp_path / "out/best").resolve())
    again = sweep(small, out=tmp_path / "out", jobs=1, callback=LineSweepCallback(lines))
    assert again.best == done.best
    assert "no 'best': the folder of the best run, " in lines.getvalue()
    assert "Its folder is gone." in (tmp_path / "out/README.md").read_text()
    assert not (tmp_path / "out/best").exists()


def test_an_error_in_writing_the_results_does_not_hide_an_interruption(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RunError("no space left")

    monkeypatch.setattr(importlib.import_module("charrnn.sweeps.sweep"), "write_results", fail)
    lines = io.StringIO()

    class Ender(LineSweepCallback):
        def on_trial_end(self, record: Any, best: bool, total: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="1 of 8 runs are done"):
        sweep(small, out=tmp_path / "out", jobs=1, callback=Ender(lines))
    assert "the results so far are not written: no space left" in lines.getvalue()


def test_the_progress_of_reading_a_large_text_is_reported(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("charrnn.text.mapped.LARGE_BYTES", 1)
    lines = io.StringIO()
    small["search"] = {"hidden_size": [4]}
    sweep({**small, "seeds": [0]}, out=tmp_path / "out", jobs=1, callback=LineSweepCallback(lines))
    assert "encoding: 100 %" in lines.getvalue()


def test_a_sweep_that_can_only_fail_is_refused(small: dict[str, Any], tmp_path: Path) -> None:
    small["search"] = {"chunk_len": [16, 32]}
    message = "no setting of this sweep can be run: chunk_len 16 has no effect with batching 'sequential'"
    for method in ({}, {"method": "random", "trials": 2}, {"method": "tpe", "trials": 2}):
        with pytest.raises(ConfigError, match="no setting of this sweep can be run: chunk_len ") as error:
            sweep({**small, **method}, out=tmp_path / "out", callback=QUIET)
        assert method or str(error.value).startswith(message)
    assert not (tmp_path / "out").exists()


def test_a_test_split_is_reported_for_the_best_run(small: dict[str, Any], tmp_path: Path) -> None:
    small["settings"] |= {"test_fraction": 0.2}
    done = sweep({**small, "seeds": [0]}, out=tmp_path / "out", jobs=1, callback=QUIET)
    assert done.best is not None
    assert (
        f"on the test split it has {done.best['test_nats_per_char']:.4f} nats"
        in (tmp_path / "out/README.md").read_text()
    )
    assert done.model.generate("The ", length=5, seed=1)
    assert os.readlink(tmp_path / "out/best") == f"runs/{done.best['number']:03}"


def test_lists_and_named_files_are_searched_over(small: dict[str, Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list("abcdeno"), rng.integers(2, 9))) for _ in range(120)]
    (tmp_path / "names.tsv").write_text("".join(f"{'low' if 'a' in name else 'high'}\t{name}\n" for name in names))
    (tmp_path / "val.tsv").write_text("low\tana\nhigh\tbob\n")
    settings = {**SETTINGS, "documents": "lines", "label": "tsv", "val": "val.tsv", "seq_len": 8, "batch_size": 4}
    search = {"learning_rate": [0.001, 0.01]}
    spec = {"text": "names.tsv", "seeds": [0, 1], "settings": settings, "search": search}
    (tmp_path / "sweep.toml").write_text(as_toml(spec))
    done = sweep(tmp_path / "sweep.toml", out=tmp_path / "out", callback=QUIET)
    assert [record["state"] for record in done.records] == [FINISHED] * 4
    assert {record["splits"]["val"] for record in done.records} == {1 + len("-ana" + "-bob") + 2}
    assert done.model.labels == ("high", "low")
    assert "the file of val validates: " in (tmp_path / "out" / "README.md").read_text()
    (tmp_path / "val.tsv").write_text("low\tana\nhigh\tbod\n")
    with pytest.raises(ConfigError, match="begun with another text_sha256"):
        sweep(tmp_path / "sweep.toml", out=tmp_path / "out", callback=QUIET)


def test_what_decides_who_validates_is_not_searched_over(small: dict[str, Any], tmp_path: Path) -> None:
    for name, values in {"documents": ["lines", "paragraphs"], "val": ["a", "b"], "unique": [True, False]}.items():
        with pytest.raises(ConfigError, match=f"search.{name} would compare losses of different texts"):
            sweep({**small, "search": {name: values}}, out=tmp_path / "out")
