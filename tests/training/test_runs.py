"""Whole training runs: what they learn, that they repeat themselves, resume exactly, and stop well."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.batching import BATCHERS
from charrnn.config import make_config
from charrnn.errors import ConfigError, DivergenceError, RunError, TextError
from charrnn.runs.files import read_arrays, write_arrays
from charrnn.runs.folder import RunFolder
from charrnn.training import session as session_module
from charrnn.training.callback import Callback, Evaluated, ProgressReport
from charrnn.training.optimizers import OPTIMIZERS
from tests.networks import EVERY_CELL
from tests.torture.kills import TIMES, contents

SMALL = {
    "cell": "rnn", "ngrams": "none", "num_layers": 1,
    "hidden_size": 12, "seq_len": 10, "batch_size": 4, "learning_rate": 0.01,
    "warmup_steps": 5, "log_every": 5,
}  # fmt: skip


class Listener(Callback):
    """Keeps every message, sample, evaluation and progress report."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.samples: dict[int, str] = {}
        self.evaluations: list[Evaluated] = []
        self.reports: list[ProgressReport] = []

    def on_message(self, text: str) -> None:
        self.messages.append(text)

    def on_sample(self, step: int, text: str) -> None:
        self.samples[step] = text

    def on_evaluation(self, result: Evaluated) -> None:
        self.evaluations.append(result)

    def on_progress(self, progress: ProgressReport) -> None:
        self.reports.append(progress)


def train(text: Path, out: Path, listener: Callback | None = None, **settings: object) -> charrnn.Run:
    return charrnn.train(text, out=out, callback=listener or Listener(), **{**SMALL, **settings})


def without_times(records: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{key: value for key, value in record.items() if key not in TIMES} for record in records]


@pytest.mark.parametrize("batching", sorted(BATCHERS))
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_a_network_learns_a_text_that_repeats_itself(cell: str, batching: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("abcdefgh\n" * 200)
    run = train(text, tmp_path / "run", cell=cell, batching=batching, steps=300)
    assert run.metrics[0]["train_loss"] > 1.0
    assert run.val is not None
    assert run.val.nats_per_char < 0.1
    assert run.model.generate("abc", 15, greedy=True) == "defgh\nabcdefgh\n"


@pytest.mark.parametrize("batching", sorted(BATCHERS))
def test_equal_seeds_give_equal_runs_and_others_differ(batching: str, book: Path, tmp_path: Path) -> None:
    settings = {"batching": batching, "steps": 30, "eval_every": 10, "sample_every": 10}
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        train(book, tmp_path / name, seed=seed, **settings)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one")["metrics"] != contents(tmp_path / "other")["metrics"]


def test_evaluating_and_sampling_more_often_never_changes_training(book: Path, tmp_path: Path) -> None:
    often = train(book, tmp_path / "often", steps=60, eval_every=3, sample_every=2)
    seldom = train(book, tmp_path / "seldom", steps=60, eval_every=30, sample_every=60)
    losses = [
        {r["step"]: (r["train_loss"], r["grad_norm"], r["learning_rate"]) for r in run.metrics if r["step"] % 5 == 0}
        for run in (often, seldom)
    ]
    assert len(losses[0]) == 12
    assert losses[0] == losses[1]
    last = [
        {n: a.tobytes() for n, a in read_arrays(run.path / "checkpoint.safetensors")[0].items()}
        for run in (often, seldom)
    ]
    for name in ("params", "adam_m", "adam_v", "state"):
        assert last[0][name] == last[1][name]


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next run be interrupted by a signal after a step."""
    import os
    import signal

    original = session_module.Session._step

    def step_and_signal(self: session_module.Session) -> None:
        original(self)
        if self.progress.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(session_module.Session, "_step", step_and_signal)


@pytest.mark.parametrize("batching", sorted(BATCHERS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("step", [1, 20, 33])
def test_a_run_that_was_interrupted_and_resumed_is_the_run_that_was_not(
    batching: str, dtype: str, step: int, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"batching": batching, "dtype": dtype, "steps": 50, "eval_every": 8, "sample_every": 10, "num_layers": 2}
    train(book, tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        interrupt_at(step, patch)
        with pytest.raises(KeyboardInterrupt, match=f"saved at step {step}"):
            train(book, tmp_path / "parts", **settings)
    charrnn.train(resume=tmp_path / "parts", callback=Listener())
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    "setting",
    [*({"cell": cell, "dropout": 0.3} for cell in EVERY_CELL), *({"optimizer": name} for name in OPTIMIZERS)],
    ids=lambda setting: next(iter(setting.values())),
)
def test_every_cell_with_dropout_and_every_optimizer_resume_exactly(
    setting: dict[str, object], book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"num_layers": 2, "steps": 30, "eval_every": 8, "sample_every": 10, **setting}
    train(book, tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        interrupt_at(13, patch)
        with pytest.raises(KeyboardInterrupt, match="saved at step 13"):
            train(book, tmp_path / "parts", **settings)
    charrnn.train(resume=tmp_path / "parts", callback=Listener())
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_what_was_recorded_after_the_last_checkpoint_is_done_again(book: Path, tmp_path: Path) -> None:
    """As after `kill -9`: the checkpoint is older than the metrics."""
    settings = {"steps": 40, "eval_every": 10, "sample_every": 10}
    train(book, tmp_path / "whole", **settings)
    train(book, tmp_path / "killed", **{**settings, "steps": 17, "schedule": "cosine"})
    shutil.rmtree(tmp_path / "killed")
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(17, patch)
        with pytest.raises(KeyboardInterrupt):
            train(book, tmp_path / "killed", **settings)
    with (tmp_path / "killed" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "epoch": 1.0, "train_loss": 9.9}\n{"step": 25, "ep')
    charrnn.train(resume=tmp_path / "killed", callback=Listener())
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_run_can_be_given_a_larger_budget(book: Path, tmp_path: Path) -> None:
    train(book, tmp_path / "run", steps=20, schedule="constant")
    run = charrnn.train(resume=tmp_path / "run", steps=35, callback=Listener())
    assert (run.step, [r["step"] for r in run.metrics]) == (35, [5, 10, 15, 20, 25, 30, 35])
    assert json.loads((tmp_path / "run" / "config.json").read_text())["settings"]["steps"] == 35
    run = charrnn.train(resume=tmp_path / "run", epochs=0.5, callback=Listener())  # which replaces the steps
    assert run.step == 39
    listener = Listener()
    assert charrnn.train(resume=tmp_path / "run", steps=10, callback=listener).step == 39
    assert "has already reached its budget" in listener.messages[-1]


def test_resuming_refuses_what_would_make_another_run(book: Path, tmp_path: Path) -> None:
    train(book, tmp_path / "run", steps=10)
    resume = tmp_path / "run"
    with pytest.raises(ConfigError, match=r"keeps its hidden_size 12 \(asked for: 13\)"):
        charrnn.train(resume=resume, hidden_size=13, callback=Listener())
    with pytest.raises(ConfigError, match="leave out --out"):
        charrnn.train(resume=resume, out=tmp_path / "x", callback=Listener())
    with pytest.raises(RunError, match="is not a run folder"):
        charrnn.train(resume=tmp_path, callback=Listener())
    other = tmp_path / "other.txt"
    other.write_text(book.read_text().replace("cat", "act"))
    for text in (book.read_text().replace("cat", "act"), "xyz" * 1000, book.read_text() + "é", "short"):
        other.write_text(text)
        with pytest.raises(RunError, match=r"other\.txt is not the text that the run was trained on"):
            charrnn.train(other, resume=resume, callback=Listener())
    moved = book.rename(book.with_name("moved.txt"))
    with pytest.raises(RunError, match="if the text has moved: charrnn train TEXT --resume RUN"):
        charrnn.train(resume=resume, callback=Listener())
    charrnn.train(moved, resume=resume, callback=Listener())
    assert charrnn.train(resume=resume, callback=Listener()).step == 10  # where the text is now is remembered


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, h: a.pop("adam_m"), "array 'adam_m' is missing"),
        (lambda a, h: a.update(params=a["params"][:-1]), "does not fit the run"),
        (lambda a, h: a["adam_v"].fill(np.inf), "not finite"),
        (lambda a, h: h["progress"].update(step=-3), "is out of range"),
        (lambda a, h: h["progress"].update(mood="good"), "damaged"),
        (lambda a, h: h.update(format=0), "checkpoint format 0"),
    ],
)
def test_a_damaged_checkpoint_is_refused(change, message: str, book: Path, tmp_path: Path) -> None:
    train(book, tmp_path / "run", steps=5)
    path = tmp_path / "run" / "checkpoint.safetensors"
    arrays, header = read_arrays(path)
    change(arrays, header)
    write_arrays(path, arrays, header)
    (tmp_path / "run" / "checkpoint.previous.safetensors").unlink()
    with pytest.raises(RunError, match=message):
        charrnn.train(resume=tmp_path / "run", callback=Listener())


def test_divergence_stops_with_the_best_parameters_saved(book: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "warmup_steps": 0, "schedule": "constant", "grad_clip": 0.0}
    with pytest.raises(DivergenceError, match=r"diverged at step \d+: .*step 0 are saved.*smaller --learning-rate"):
        charrnn.train(book, out=tmp_path / "run", callback=Listener(), **{**settings, "learning_rate": 1e38}, steps=50)
    model = charrnn.load(tmp_path / "run")
    assert np.isfinite(model.params.vector).all()
    assert len(model.generate(length=10)) == 10


def test_divergence_keeps_the_best_evaluated_parameters(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = session_module.Session._step

    def poison(self: session_module.Session) -> None:
        if self.progress.step == 23:
            self.trainer.params.vector[-1] = np.nan
        original(self)

    monkeypatch.setattr(session_module.Session, "_step", poison)
    with pytest.raises(DivergenceError, match="diverged at step 24: the loss is nan; the parameters of step 20 are"):
        train(book, tmp_path / "run", steps=50, eval_every=10)
    assert charrnn.load(tmp_path / "run").provenance["step"] == 20
    assert read_arrays(tmp_path / "run" / "checkpoint.safetensors")[1]["progress"]["step"] < 24


def test_parameters_that_diverged_are_never_saved(book: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "warmup_steps": 0, "learning_rate": 1e39, "grad_clip": 0.0, "log_every": 1}
    for k, extra in enumerate(({"steps": 50}, {"steps": 1}, {"steps": 1, "val_fraction": 0.0})):
        with pytest.raises(DivergenceError, match=r"the parameters of step 0 are saved"):
            charrnn.train(book, out=tmp_path / f"run{k}", callback=Listener(), **{**settings, **extra})
        assert np.isfinite(charrnn.load(tmp_path / f"run{k}").params.vector).all()
        arrays, _ = read_arrays(tmp_path / f"run{k}" / "checkpoint.safetensors")
        assert np.isfinite(arrays["params"]).all()


@pytest.mark.parametrize("val_fraction", [0.0, 0.1])
def test_an_interrupted_run_has_a_model_even_before_the_first_evaluation(
    val_fraction: float, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_at(7, patch)
        with pytest.raises(KeyboardInterrupt):
            train(book, tmp_path / "run", steps=50, val_fraction=val_fraction)
    assert charrnn.load(tmp_path / "run").provenance["step"] == 7
    run = charrnn.train(resume=tmp_path / "run", steps=5, callback=Listener())  # less than is done already
    assert (run.step, run.best_step, run.val) == (7, 7, None)


def test_a_callback_that_fails_does_not_cost_the_training(book: Path, tmp_path: Path) -> None:
    class Broken(Listener):
        def on_sample(self, step: int, text: str) -> None:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        train(book, tmp_path / "run", Broken(), steps=50, sample_every=30)
    assert read_arrays(tmp_path / "run" / "checkpoint.safetensors")[1]["progress"]["step"] == 30


def test_what_a_crash_left_half_written_is_cleared_away(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=5)
    (run.path / ".checkpoint.safetensors.abc.part").write_text("half")
    charrnn.train(resume=run.path, callback=Listener())
    assert not list(run.path.glob(".*"))


def test_patience_may_be_extended_and_switched_off(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("ab" * 900 + "ba" * 20 + "bbaa" * 40)
    run = train(text, tmp_path / "run", steps=400, eval_every=5, patience=2)
    listener = Listener()
    assert charrnn.train(resume=run.path, steps=500, callback=listener).step == run.step
    assert "run out of patience: give a larger --patience, or 0 for none" in listener.messages[-1]
    assert charrnn.train(resume=run.path, patience=0, callback=Listener()).step == 500


def test_odd_names_of_files_and_figures(tmp_path: Path) -> None:
    for name in ("_dollar$\\q$x.txt", "日本語.txt", "long" * 50 + ".txt"):
        (tmp_path / name).write_text("abc def\n" * 100)
        listener = Listener()
        run = charrnn.train(tmp_path / name, out=tmp_path / f"{name[:9]}-run", callback=listener, **SMALL, steps=10)
        assert (run.path / "curve.png").is_file(), listener.messages


def test_old_spellings_and_numpys_numbers(book: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "hidden_size": np.int64(8), "learning_rate": np.float32(0.01)}
    run = charrnn.train(book, out=tmp_path / "run", max_iters=np.int32(6), callback=Listener(), **settings)
    assert (run.step, run.config.hidden_size) == (6, 8)
    assert charrnn.train(resume=run.path, max_iters=9, callback=Listener()).step == 9


def test_the_model_file_knows_the_settings(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=5)
    settings = json.loads((run.path / "config.json").read_text())["settings"]
    del settings["workers"]  # no number of them changes the file
    assert charrnn.load(run.path).provenance["settings"] == settings


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"  # the validation part is nothing like the training part
    text.write_text("ab" * 900 + "ba" * 20 + "bbaa" * 40)
    run = train(text, tmp_path / "run", steps=2000, eval_every=5, patience=3)
    assert (run.ended, run.step) == ("patience", run.best_step + 15)
    assert run.val is not None
    assert run.val.nats_per_char == min(r["val_loss"] for r in run.metrics if "val_loss" in r)


def test_the_whole_validation_split_is_evaluated_with_the_best_parameters(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=40, eval_every=10, test_fraction=0.1)
    text = book.read_text()
    sizes = {"train": int(len(text) * 0.8 + 1e-9), "val": int(len(text) * 0.9 + 1e-9) - int(len(text) * 0.8 + 1e-9)}
    val = text[sizes["train"] : sizes["train"] + sizes["val"]]
    assert run.val is not None
    assert run.test is not None
    assert run.val.characters == sizes["val"] - 1
    assert run.val.nats_per_char == pytest.approx(run.model.score(val).nats_per_char, rel=1e-6)
    assert run.test.nats_per_char == pytest.approx(
        run.model.score(text[sizes["train"] + sizes["val"] :]).nats_per_char, rel=1e-6
    )
    assert charrnn.load(run.path).score(val).nats_per_char == pytest.approx(run.val.nats_per_char, rel=1e-6)


def test_without_a_validation_split_the_last_parameters_are_kept(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=12, val_fraction=0.0)
    assert (run.val, run.best_step) == (None, 12)
    assert not any("val_loss" in r for r in run.metrics)
    arrays, _ = read_arrays(run.path / "checkpoint.safetensors")
    np.testing.assert_array_equal(arrays["params"], charrnn.load(run.path).params.vector)


def test_a_run_reports_what_it_does(book: Path, tmp_path: Path) -> None:
    listener = Listener()
    run = train(book, tmp_path / "run", listener, steps=20, eval_every=10, sample_every=10)
    assert [e.step for e in listener.evaluations] == [10, 20]
    assert sorted(listener.samples) == [10, 20]
    assert listener.reports[-1].share == 1.0
    assert {p.name for p in run.path.iterdir()} == {
        "config.json", "metrics.jsonl", "model.safetensors", "checkpoint.safetensors",
        "checkpoint.previous.safetensors", "samples", "curve.png",
    }  # fmt: skip
    keys = {"step", "epoch", "train_loss", "grad_norm", "learning_rate", "chars_per_second", "seconds", "cpu_seconds"}
    assert all(set(r) - {"val_loss"} == keys for r in run.metrics)
    config = json.loads((run.path / "config.json").read_text())
    assert config["splits"] == {"train": 3096, "val": 344, "test": 0}
    assert config["sources"] == [str(book)]


@pytest.mark.parametrize("batching", sorted(BATCHERS))
@pytest.mark.parametrize("length", [24, 200])
def test_a_text_too_small_for_the_defaults_is_trained_on_in_smaller_windows(
    batching: str, length: int, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(("abcdefghij" * 20)[:length])
    listener = Listener()
    run = charrnn.train(text, out=tmp_path / "run", steps=5, hidden_size=8, batching=batching, callback=listener)
    assert run.step == 5
    if int(0.9 * length) < BATCHERS[batching].characters_needed(make_config({"batching": batching})):
        assert any("the training split has only" in remark for remark in listener.messages)


def test_a_text_too_small_for_what_was_chosen_is_refused_and_nothing_written(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("abcdefghij" * 20)
    with pytest.raises(TextError, match="needs 301 characters; the training split has 180: lower"):
        charrnn.train(text, out=tmp_path / "run", batch_size=30, seq_len=10, callback=Listener())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cell": "rmn"}, "cell 'rmn' is not known: did you mean 'rnn'"),
        ({"batching": "chunk"}, "batching 'chunk' is not known: did you mean 'chunked'"),
        ({"optimizer": "adamm"}, "optimizer 'adamm' is not known: did you mean 'adam'"),
        ({"schedule": "cosin"}, "schedule 'cosin' is not known: did you mean 'cosine'"),
    ],
)
def test_unknown_names_are_refused_and_nothing_written(
    setting: dict[str, str], message: str, book: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(book, tmp_path / "run", **setting)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "text",
    ["a" * 3000, "আমি বাংলায় গান গাই।\n" * 100, "".join(chr(0x4E00 + k % 4200) for k in range(9000)), "😀\u200d🏳️" * 300],
    ids=["one character", "Bengali", "4,200 Chinese characters", "emoji"],
)
def test_texts_of_every_kind(text: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text)
    run = train(path, tmp_path / "run", steps=8)
    assert all(np.isfinite(r["train_loss"]) for r in run.metrics)
    assert set(run.model.generate(length=50)) <= set(text)


def test_a_steady_step_allocates_little() -> None:
    import tracemalloc

    from charrnn.config import make_config
    from charrnn.training.trainer import new_trainer

    config = make_config({"hidden_size": 128, "seq_len": 32, "batch_size": 16})
    ids = np.random.default_rng(0).integers(0, 60, 20_000).astype(np.uint8)
    trainer = new_trainer(config, "".join(map(chr, range(60))), ids)
    for _ in range(3):
        trainer.step(0.0)
    tracemalloc.start()
    trainer.step(0.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_two_processes_cannot_train_in_one_folder(book: Path, tmp_path: Path) -> None:
    train(book, tmp_path / "run", steps=5)
    with RunFolder.open(tmp_path / "run").lock(), pytest.raises(RunError, match="another process is training in"):
        charrnn.train(resume=tmp_path / "run", steps=9, callback=Listener())
    assert charrnn.train(resume=tmp_path / "run", steps=9, callback=Listener()).step == 9
