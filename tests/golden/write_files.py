"""Write small files with the version that is installed, and what it makes of them, for `test_last_version.py`.

    python -m tests.golden.write_files tests/golden/files-0.1

This is run once for each version whose files are to stay readable, before anything changes, and never for a version
that the test already has: the folder must not exist. In the run's config.json the path of its text is shortened to a
name, since the run is moved.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import charrnn
from tests.golden.common import Json, book, call, digests, environment, flags, read_safetensors

TINY = {"hidden_size": 8, "seq_len": 10, "batch_size": 4, "steps": 150, "learning_rate": 0.02, "cell": "rnn",
        "num_layers": 1, "log_every": 50, "sample_every": 1000}  # fmt: skip
MODELS: dict[str, dict[str, Any]] = {
    "rnn": {},
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru", "num_layers": 2},
    "qrnn": {"cell": "qrnn", "num_layers": 2},
    "gru-float64": {"cell": "gru", "dtype": "float64"},
}
BROKEN = {**TINY, "cell": "lstm", "num_layers": 2, "dropout": 0.1, "batching": "random", "dtype": "float64",
          "steps": 3000, "eval_every": 100, "log_every": 100, "learning_rate": 0.005}  # fmt: skip
SCORED = "The clock strikes one.\nAn old cat waits for the quarter; it is late!\n"
SAMPLE: dict[str, Any] = {"prompt": "The ", "length": 80, "seed": 11, "temperature": 0.8, "top_p": 0.95}
ASKED = {"info": ["info"], "evaluate": ["evaluate", "--dynamic"]}  # of the run folder, with --json
RUN, AFTER = "interrupted-run", "resumed.safetensors"
RESUME = ["train", "--resume", ".", "--steps", "600", "--quiet", "--json"]


def facts(path: Path) -> Json:
    """What a model is, scores and writes."""
    model = charrnn.load(path)
    score = model.score(SCORED)
    return {
        "repr": repr(model),
        "arrays": digests(model.arrays()),
        "nats_per_char": score.nats_per_char,
        "per_char": score.per_char.tolist(),
        "sample": model.generate(**SAMPLE),
        "greedy": model.generate(length=60, greedy=True),
    }


def asked(run: Path) -> Json:
    """What commands tell of a run folder."""
    return {
        name: json.loads(call(run, command, ".", *more, "--json").stdout) for name, (command, *more) in ASKED.items()
    }


def interrupted(folder: Path) -> Path:
    """A run that Ctrl-C has ended, with its text beside its other files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "charrnn", "train", "book.txt", "--out", RUN, "--quiet", *flags(BROKEN)],
        cwd=folder, env=environment(folder), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    run = folder / RUN
    metrics = run / "metrics.jsonl"
    while process.poll() is None and not (metrics.is_file() and metrics.read_text().count("\n") > 3):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    if process.wait() != 130:
        raise RuntimeError("the run was not interrupted")
    shutil.copy(folder / "book.txt", run / "text.txt")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "sources": ["text.txt"]}, indent=2) + "\n")
    (run / "curve.png").unlink(missing_ok=True)
    return run


def main() -> None:
    out = Path(sys.argv[1])
    (out / "models").mkdir(parents=True)
    expected: dict[str, Json] = {"version": charrnn.__version__, "models": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "book.txt").write_text(book(), "utf-8")
        for model, settings in MODELS.items():
            with contextlib.redirect_stderr(io.StringIO()):
                run = charrnn.train(folder / "book.txt", out=folder / model, **{**TINY, **settings})
            shutil.copy(run.path / "model.safetensors", out / "models" / f"{model}.safetensors")
            expected["models"][model] = facts(out / "models" / f"{model}.safetensors")
        broken = interrupted(folder)
        shutil.copytree(broken, out / RUN)
        expected["step"] = read_safetensors(broken / "checkpoint.safetensors")[1]["charrnn"]["progress"]["step"]
        expected["run"] = asked(broken)
        if not 100 < expected["step"] < 500:
            raise RuntimeError(f"the run was interrupted at step {expected['step']}: remove the folder and try again")
        resumed = json.loads(call(broken, *RESUME).stdout)
        expected["resumed"] = {key: resumed[key] for key in ("ended", "step", "best_step", "val_nats_per_char")}
        shutil.copy(broken / "model.safetensors", out / AFTER)
    (out / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
