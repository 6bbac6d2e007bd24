"""The unit of every loss that a command prints, writes or draws: per symbol for documents, per character for texts."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from charrnn.figures import learning_curve
from charrnn.units import CHARACTER, SYMBOL, SYMBOL_OF_LABELLED
from tests.cli.conftest import SMALL, Run

RNG = np.random.default_rng(0)
NAMES = ["".join(RNG.choice(list("abcdeno"), RNG.integers(2, 9))) for _ in range(300)]
TRAIN = shlex.join([*map(str, SMALL), "--steps", "6", "--eval-every", "3"])
LINES = f"--documents lines {TRAIN}"
COMMANDS = {
    SYMBOL: f"""
        train names.txt {LINES} --test-fraction 0.1 --out list
        train names.txt --init-from list {LINES} --out child
        train names.txt {LINES} --learning-rate 0.9 --out bad
        evaluate list
        evaluate list names.txt
        evaluate list --dynamic
        info list
        info child
        score list names.txt
        score list names.txt --false-alarms 0.2
        export list --to html --out list.html
        sweep sweep.toml --out sweep""",
    SYMBOL_OF_LABELLED: f"""
        train labels.tsv {LINES} --label tsv --out labels
        evaluate labels
        info labels
        export labels --to html --out labels.html""",
    CHARACTER: f"""
        train names.txt {TRAIN} --out text
        train names.txt --init-from text {TRAIN} --out text-child
        evaluate text
        evaluate text --dynamic
        info text-child
        score text names.txt""",
}
LOSS = re.compile(r"nats(?: \([-\d.]+ bits\))? per ([^;:|\n]*)")


@pytest.fixture(autouse=True)
def lists(charrnn: Run) -> None:
    """The lists, in the working folder of a test."""
    Path("names.txt").write_text("\n".join(NAMES))
    Path("labels.tsv").write_text("\n".join(f"{'a' if 'a' in name else 'b'}\t{name}" for name in NAMES))
    settings = '[settings]\ndocuments = "lines"\nsteps = 4\n[search]\nhidden_size = [4, 5]\n'
    Path("sweep.toml").write_text(f'text = "names.txt"\nseeds = [0, 1]\n{settings}')


@pytest.mark.parametrize("unit", COMMANDS)
def test_every_loss_names_its_unit(unit: str, charrnn: Run) -> None:
    alone = f"{unit.partition(',')[0]} "  # the head of a column has room for no more
    for command in COMMANDS[unit].strip().splitlines():
        result = charrnn(*shlex.split(command))
        assert result.status == 0, result.err
        found = LOSS.findall(f"{result.out}\n{result.err}")
        assert found, command
        allowed = (unit, "document", *([f"{SYMBOL}, given their labels"] if unit == SYMBOL_OF_LABELLED else []))
        for words in found:
            assert words.startswith(allowed) or re.match(f"{alone} *percentile", words), (command, words)
    if unit == SYMBOL:
        page = Path("sweep/README.md").read_text()
        assert LOSS.findall(page)
        assert all(words.startswith(unit) for words in LOSS.findall(page))
        card = Path("list.html").read_text()
        assert "symbol" in card


def test_json_says_what_its_keys_do_not(charrnn: Run) -> None:
    for name, options, unit in (
        ("list", f"names.txt {LINES}", SYMBOL), ("labels", f"labels.tsv {LINES} --label tsv", SYMBOL_OF_LABELLED),
        ("text", f"names.txt {TRAIN}", None),
    ):  # fmt: skip
        charrnn("train", *shlex.split(options), "--out", name)
        assert json.loads(charrnn("evaluate", name, "--json").out).get("unit") == unit
        # A score does not count the label.
        scored = json.loads(charrnn("score", name, "names.txt", "--json").out)
        assert scored.get("unit") == (unit and SYMBOL)


def test_figures_name_it(charrnn: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    finish = learning_curve.finish
    monkeypatch.setattr(
        learning_curve, "finish", lambda axes, **labels: (words.extend(labels.values()), finish(axes, **labels))
    )
    charrnn("train", *shlex.split(f"names.txt {LINES} --out list"))
    assert f"loss (nats per {SYMBOL})" in words
    assert any(re.fullmatch(r"names.txt: \d+ documents train, \d+ validate", each) for each in words)
    words.clear()
    charrnn("train", *shlex.split(f"names.txt {TRAIN} --out text"))
    assert "loss (nats per character)" in words
    words.clear()
    charrnn("plot", "list", "text", "--out", "both.png")
    assert f"loss (nats per {SYMBOL} or character)" in words
