"""Every command of the command line on small runs: its JSON, what it prints for people, and how it fails."""

from __future__ import annotations

import re
from pathlib import Path

import charrnn
from tests.golden.common import SMALL, Json, answered, call, flags, keys_of, printed, run_facts

COMMANDS = ("train", "sample", "evaluate", "serve", "gradcheck", "experiment", "sweep", "plot", "info", "corpora")
SWEEP = """text = "book.txt"
method = "{method}"
{more}
seeds = [0, 1]
[settings]
cell = "rnn"
steps = 20
seq_len = 10
batch_size = 4
num_layers = 1
[search]
hidden_size = [8, 12]
learning_rate = {rates}
"""
RUN = "small"  # the run that most commands are tried on


def record_commands(folder: Path) -> Json:
    text = ["--prompt", "The clock ", "--length", "50", "--seed", "5"]
    found = {
        "train": answered(folder, "train", "book.txt", "--out", RUN, *flags({**SMALL, "steps": 60})),
        "train without a text": answered(
            folder, "train", "--out", "novel", "--val-fraction", 0.01, *flags({**SMALL, "cell": "qrnn"})
        ),
        "train on standard input": answered(
            folder, "train", "-", "--out", "piped", *flags(SMALL), stdin=(folder / "book.txt").read_text("utf-8")
        ),
        "train for people": printed(folder, "train", "book.txt", *flags(SMALL)),
        "evaluate": answered(folder, "evaluate", RUN),
        "evaluate dynamic": answered(folder, "evaluate", RUN, "--dynamic", "--dynamic-rate", 0.001),
        "evaluate a split": answered(folder, "evaluate", RUN, "--split", "train"),
        "evaluate another text": answered(folder, "evaluate", RUN, "other.txt", "--on-unknown", "skip"),
        "evaluate for people": printed(folder, "evaluate", RUN, "--dynamic"),
        "sample": answered(folder, "sample", RUN, *text, "--num-samples", 3, "--temperature", 0.7),
        "sample filtered": answered(folder, "sample", RUN, *text, "--top-k", 9, "--top-p", 0.8, "--min-p", 0.01),
        "sample greedy": answered(folder, "sample", RUN, *text, "--greedy", "--stop", "qu", "--stop", "ee"),
        "sample streamed": printed(folder, "sample", RUN, *text),
        "sample several for people": printed(folder, "sample", RUN, *text, "--num-samples", 2, "--quiet"),
        "sample a model file": answered(
            folder, "sample", f"{RUN}/model.safetensors", "--prompt", "FILE:other.txt", "--length", 30, "--seed", 1,
            "--on-unknown", "skip",
        ),
        "info": answered(folder, "info", RUN),
        "info of a model file": answered(folder, "info", f"{RUN}/model.safetensors"),
        "info for people": printed(folder, "info", RUN),
        "gradcheck": answered(folder, *_gradcheck("gru", "complex-step")),
        "gradcheck by differences": answered(folder, *_gradcheck("qrnn", "finite-difference")),
        "plot": answered(folder, "plot", RUN, "novel", "--out", "curves.svg"),
        "corpora": _without_paths(answered(folder, "corpora")),
        "experiment progress": answered(
            folder, "experiment", "progress", "book.txt", "--quick", "--seeds", 1, "--jobs", 1, "--out", "progress",
            "--quiet",
        ),
    }  # fmt: skip
    return {**found, "run folder of the novel": run_facts(folder / "novel", folder)}


def _gradcheck(cell: str, against: str) -> list[str]:
    sizes = ["--hidden-size", "8", "--seq-len", "6", "--batch-size", "3", "--num-layers", "1", "--num-layers", "2"]
    return ["gradcheck", "--cell", cell, "--against", against, *sizes]


def _without_paths(found: Json) -> Json:
    for row in found["json"]:
        row["path"] = row["path"] is not None  # in the package, wherever that is
    return found


def record_sweeps(folder: Path) -> Json:
    """All of a grid; of settings drawn at random only what is told of them."""
    (folder / "grid.toml").write_text(SWEEP.format(method="grid", more="", rates="[0.01, 0.003]"))
    drawn = SWEEP.format(method="random", more="trials = 2", rates="{ low = 1e-3, high = 1e-2, log = true }")
    (folder / "random.toml").write_text(drawn)
    grid = answered(folder, "sweep", "grid.toml", "--out", "grid", "--jobs", 1, "--quiet")
    random = answered(folder, "sweep", "random.toml", "--out", "random", "--jobs", 1, "--quiet")
    table = (folder / "grid" / "results.csv").read_text("utf-8").splitlines()
    place = table[0].split(",").index("seconds")
    rows = [[cell for k, cell in enumerate(line.split(",")) if k != place] for line in table]
    return {
        "grid": grid,
        "grid once more": answered(folder, "sweep", "grid.toml", "--out", "grid", "--jobs", 1, "--quiet") == grid,
        "table of the grid": rows,
        "files of the grid": sorted(file.name for file in (folder / "grid").iterdir()),
        "best of the grid": answered(folder, "sample", "grid/best", "--seed", 1, "--length", 30),
        "status of random": random["status"],
        "structure of random": keys_of(random.get("json")),
    }


def record_failures(folder: Path) -> Json:
    """What is said where something is wrong, and the exit status."""
    (folder / "damaged.safetensors").write_bytes(b"no model")
    (folder / "short.txt").write_text("short")
    (folder / "odd.toml").write_text('method = "gird"\n[search]\nhidden_size = [8]\n')
    wrong: dict[str, list[object]] = {
        "unknown command": ["trian"],
        "unknown flag": ["train", "--hiden-size", 3],
        "text that does not exist": ["train", "nowhere.txt"],
        "text that is too short": ["train", "short.txt", *flags(SMALL)],
        "value out of range": ["train", "book.txt", "--dropout", 1.5],
        "unknown cell": ["train", "book.txt", "--cell", "gnu"],
        "folder that exists": ["train", "book.txt", "--out", RUN],
        "change that a resumed run may not have": ["train", "--resume", RUN, "--hidden-size", 5],
        "run that does not exist": ["sample", "nothing"],
        "damaged model": ["info", "damaged.safetensors"],
        "unknown character": ["sample", RUN, "--prompt", "€", "--quiet"],
        "filter out of range": ["sample", RUN, "--top-p", 2],
        "dynamic rate without dynamic": ["evaluate", RUN, "--dynamic-rate", 0.1],
        "split of another text": ["evaluate", RUN, "other.txt", "--split", "val"],
        "figure of an unknown kind": ["plot", RUN, "--out", "curve.gif"],
        "unknown corpus": ["corpora", "fetch", "tinyshakespear"],
        "sweep with an unknown method": ["sweep", "odd.toml"],
        "served run that does not exist": ["serve", "nothing", "--port", 0],
        "diverging": ["train", "book.txt", "--out", "wild", *flags({**SMALL, "learning_rate": 1e38, "grad_clip": 0}),
                      "--optimizer", "sgd", "--quiet"],
    }  # fmt: skip
    return {name: printed(folder, *arguments) for name, arguments in wrong.items()}


def record_help(folder: Path) -> tuple[Json, Json]:
    """The flags of every command; and, apart, the words of its help."""
    texts = {name: call(folder, name, "--help").stdout for name in COMMANDS}
    texts["corpora fetch"] = call(folder, "corpora", "fetch", "--help").stdout
    known = {name: sorted(set(re.findall(r"--[a-z][a-z0-9-]*", text))) for name, text in texts.items()}
    words = {"charrnn": call(folder, "--help").stdout, **texts}
    return {"public names": list(charrnn.__all__), "flags": known}, words
