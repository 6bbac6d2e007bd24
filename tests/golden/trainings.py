"""Training through `charrnn.train`, runs that are resumed, and what trained models write and score."""

from __future__ import annotations

import contextlib
import hashlib
import io
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import charrnn
from tests.golden.common import (
    SMALL,
    Json,
    answered,
    call,
    digest,
    digests,
    environment,
    file_facts,
    flags,
    keys_of,
    plain,
    read_safetensors,
    run_facts,
)

DEEP = {"num_layers": 2, "dropout": 0.2, "hidden_size": 24}
ORDERS = {"rnn": "chunked", "lstm": "random", "gru": "random", "qrnn": "chunked"}  # the second of each cell
OTHERS: dict[str, dict[str, Any]] = {
    "adam with beta2 and decay": {"optimizer": "adam", "beta2": 0.95, "weight_decay": 0.01},
    "adagrad": {"optimizer": "adagrad", "learning_rate": 0.03, "cell": "lstm"},
    "rmsprop": {"optimizer": "rmsprop", "weight_decay": 0.02, "cell": "gru"},
    "sgd": {"optimizer": "sgd", "learning_rate": 0.3, "grad_clip": 0.0, "cell": "qrnn"},
    "schedule constant": {"schedule": "constant", "warmup_steps": 0},
    "schedule linear": {"schedule": "linear", "warmup_steps": 5},
    "patience and a test split": {
        "patience": 1, "eval_every": 3, "steps": 200, "learning_rate": 1.0, "val_fraction": 0.05, "test_fraction": 0.05,
    },
    "no validation": {"val_fraction": 0.0, "eval_every": None},
    "epochs and chunk_len": {"steps": None, "epochs": 0.4, "batching": "chunked", "chunk_len": 30, "seed": 3},
    "older names": {"rnn_size": 12, "seq_length": 8, "max_iters": 20, "hidden_size": None, "seq_len": None,
                    "steps": None},
    "recipe by length": {"cell": None, "num_layers": None, "learning_rate": None},
    "recipe good": {"recipe": "good", "cell": None, "num_layers": None, "steps": 12},
}  # fmt: skip
FILTERS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "temperature 0.5": {"temperature": 0.5},
    "temperature 0": {"temperature": 0.0},
    "greedy": {"greedy": True},
    "top_k 3": {"top_k": 3},
    "top_p 0.7": {"top_p": 0.7},
    "min_p 0.2": {"min_p": 0.2},
    "all": {"temperature": 1.3, "top_k": 12, "top_p": 0.9, "min_p": 0.02},
    "stop": {"stop": ["e", "tt"]},
    "stop of two characters": {"stop": "er", "temperature": 0.8},
    "unknown left out": {"prompt": "The € cat", "on_unknown": "skip"},
    "no prompt": {"prompt": ""},
}


def train(folder: Path, name: str, settings: dict[str, Any]) -> charrnn.Run:
    """A run in folder/NAME, without a word. None leaves out what SMALL has."""
    asked = {key: value for key, value in {**SMALL, **settings}.items() if value is not None}
    with contextlib.redirect_stderr(io.StringIO()):
        return charrnn.train(folder / "book.txt", out=folder / name, **asked)


def cases() -> dict[str, dict[str, Any]]:
    """Every cell in two orders and two precisions, and then the other settings one by one."""
    found: dict[str, dict[str, Any]] = {}
    for cell, order in ORDERS.items():
        for dtype in ("float32", "float64"):
            common = {"cell": cell, "dtype": dtype}
            found[f"{cell} sequential {dtype}"] = {**common, "batching": "sequential"}
            found[f"{cell} {order} {dtype} deep"] = {**common, "batching": order, **DEEP}
    return {**found, **OTHERS}


def record_training(folder: Path) -> Json:
    found = {}
    for name, settings in cases().items():
        run = train(folder, name.replace(" ", "-"), settings)
        found[name] = {
            **run_facts(run.path, folder),
            "run": {
                "ended": run.ended, "step": run.step, "epoch": run.epoch, "best_step": run.best_step,
                "val": run.val and [run.val.characters, run.val.nats_per_char, run.val.bits_per_char],
                "test": run.test and [run.test.characters, run.test.nats_per_char, run.test.bits_per_char],
                "metrics": keys_of(run.metrics),
                "longest_copy": run.longest_copy("the clock strikes a bell"),
                "repr": repr(run.model),
            },
        }  # fmt: skip
    return found


def record_resumed(folder: Path) -> Json:
    """A run in two halves, and one that Ctrl-C interrupts somewhere."""
    halves = {**SMALL, "cell": "lstm", **DEEP, "batching": "random", "steps": 15}
    first = answered(folder, "train", "book.txt", "--out", "halves", *flags(halves))
    found = {"first half": first, "after the first half": run_facts(folder / "halves", folder)}
    found["second half"] = answered(folder, "train", "--resume", "halves", "--steps", "30")
    found["after the second half"] = run_facts(folder / "halves", folder)
    found["interrupted"] = _interrupted(folder)
    return found


def _interrupted(folder: Path) -> Json:
    """Where the interrupt comes depends on the clock; what there is in the end does not."""
    settings = {**SMALL, "cell": "gru", "steps": 4000, "eval_every": 1000, "sample_every": 2000, "log_every": 500}
    arguments = ["train", "book.txt", *flags(settings), "--quiet"]
    call(folder, *arguments, "--out", "whole")
    process = subprocess.Popen(
        [sys.executable, "-m", "charrnn", *arguments, "--out", "broken"],
        cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    metrics = folder / "broken" / "metrics.jsonl"
    while process.poll() is None and not (metrics.is_file() and metrics.stat().st_size):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    stopped = read_safetensors(folder / "broken" / "checkpoint.safetensors")[1]
    resumed = call(folder, "train", "--resume", "broken", "--quiet")
    whole, broken = (run_facts(folder / name, folder) for name in ("whole", "broken"))
    return {
        "status": process.returncode,
        "err": plain(err, folder),
        "header": {
            name: sorted(part) for name, part in {**stopped, "progress": stopped["charrnn"]["progress"]}.items()
        },
        "status of the resumed": resumed.returncode,
        "as if never interrupted": {part: whole[part] == broken[part] for part in whole},
        "arrays": broken["checkpoint"]["arrays"],
        "metrics": broken["metrics"],
    }


def record_samples(folder: Path) -> Json:
    """Texts from models that `record_training` has left in the folder."""
    found: dict[str, Any] = {}
    for name in ("qrnn-chunked-float32-deep", "lstm-random-float64-deep", "rnn-sequential-float32"):
        model = charrnn.load(folder / name)
        texts: dict[str, Any] = {}
        for filter_name, options in FILTERS.items():
            asked = {"prompt": "The clock ", "length": 60, "seed": 7, **options}
            texts[filter_name] = {
                "generate": model.generate(**asked),
                "stream": list(model.stream(**asked)),
                "generate_many": model.generate_many(3, **asked),
            }
        found[name] = {"texts": texts, "score": _scored(model, folder)}
    return found


def _scored(model: charrnn.LanguageModel, folder: Path) -> Json:
    text = (folder / "book.txt").read_text("utf-8")[:600]
    score, whole = model.score(text), model.evaluate(text + "€", on_unknown="skip")
    model.save(folder / "saved.safetensors")
    saved = (folder / "saved.safetensors").read_bytes()
    return {
        "score": [score.characters, score.nats_per_char, score.bits_per_char, score.perplexity],
        "per_char": {"digest": digest(score.per_char), "first": score.per_char[:20].tolist()},
        "evaluate": [whole.characters, whole.nats_per_char, whole.bits_per_char, whole.perplexity],
        "arrays": digests(model.arrays()),
        "default_prompt": model.default_prompt(),
        "saved": file_facts(folder / "saved.safetensors", folder),
        "saved file": hashlib.sha256(saved.replace(charrnn.__version__.encode(), b"VERSION")).hexdigest(),
    }
