"""Every study on a small text, through the command line; what it keeps, and what it writes."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from charrnn.language_model import load
from charrnn.nn.layers import LAYERS
from charrnn.scoring import longest_copy
from charrnn.studies import STUDIES
from charrnn.studies.cells import parameters, size_for
from charrnn.studies.job import Job, run_job
from charrnn.studies.measures import distinct_ngrams, roughness, share_of_words, value_at, words
from charrnn.text.corpus import Corpus
from charrnn.text.reading import Reading
from charrnn.training.in_context import evaluate_in_context
from tests.cli.conftest import Run, charrnn  # noqa: F401  (a fixture)

WORDS = "clock cat cup door lane shop wheel spring tide harbour bell key watch oak stair lamp"


@pytest.fixture
def story(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    lines = (" ".join(rng.choice(WORDS.split(), 7)).capitalize() + ".\n" for _ in range(200))
    (tmp_path / "story.txt").write_text("".join(lines))
    return tmp_path / "story.txt"


@pytest.mark.parametrize("name", list(STUDIES))
def test_every_study_writes_what_it_promises(charrnn: Run, story: Path, name: str) -> None:  # noqa: F811
    arguments = ("experiment", name, story, "--quick", "--seeds", 2, "--jobs", 1, "--out", "study")
    result = charrnn(*arguments, "--json")
    assert result.status == 0, result.err
    findings = json.loads(result.out)["findings"]
    readme = Path("study/README.md").read_text()
    assert all(finding in readme for finding in findings)
    assert "Witten–Bell" in readme
    assert "guessing (ln V)" in readme
    assert "nan" not in readme
    figures = re.findall(r"\((\w+)\.png\)", readme)
    assert figures
    for figure in figures:
        assert Path(f"study/{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert Path(f"study/{figure}.svg").read_bytes().startswith(b"<?xml")
    with Path("study/results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"guessing (ln V)", "unigram"} <= {row["label"] for row in rows}
    assert not list(Path("study").rglob("*.pkl"))
    again = charrnn(*arguments)
    count = len(list(Path("study/jobs").glob("*.json")))
    assert f"{count} of {count} runs are already done" in again.err


def test_a_study_that_was_interrupted_resumes_where_it_stopped(charrnn: Run, story: Path) -> None:  # noqa: F811
    arguments = ("experiment", "cells", story, "--quick", "--seeds", 1, "--jobs", 1, "--out", "study")
    charrnn(*arguments)
    kept = sorted(Path("study/jobs").glob("*.json"))
    before = {path: json.loads(path.read_text()) for path in kept}
    kept[1].unlink()
    result = charrnn(*arguments)
    assert f"{len(kept) - 1} of {len(kept)} runs are already done" in result.err
    assert "run 1 of 1: " in result.err
    after = json.loads(kept[1].read_text())
    assert after["val_loss"] == before[kept[1]]["val_loss"]


def test_another_text_or_setting_is_another_run(story: Path) -> None:
    one, two = Job("a", {"seed": 0}), Job("a", {"seed": 1})
    assert len({one.key("x"), two.key("x"), one.key("y")}) == 3
    assert one.key("x") == Job("a", {"seed": 0}).key("x")


def test_a_folder_with_other_things_is_left_alone(charrnn: Run, story: Path) -> None:  # noqa: F811
    Path("mine").mkdir()
    Path("mine/file").touch()
    result = charrnn("experiment", "cells", story, "--out", "mine")
    assert result.status == 2
    assert "is not a study's folder" in result.err
    assert charrnn("experiment", "colours", story).status == 2


def test_a_job_measures_what_it_says(story: Path, tmp_path: Path) -> None:
    corpus = Corpus.from_reading(Reading(story.read_text(), "story", ()))
    splits = corpus.split(0.1, 0.0)
    job = Job("a", {"batch_size": 4, "hidden_size": 16}, epochs=2.0, evals_per_epoch=2.0, samples_at=(0, 50))
    result = run_job(job, corpus, splits, tmp_path / "model.safetensors")
    steps = result["steps"]
    assert steps == 2 * ((len(splits["train"]) - 1) // (25 * 4))
    assert sorted({0, 50, *(round(k * steps / 4) for k in range(1, 5))}) == [p["step"] for p in result["points"]]
    assert [s["step"] for s in result["samples"]] == [0, 50]
    assert result["points"][-1]["characters"] == steps * 100
    assert result["val_loss"] == result["points"][-1]["val_loss"]
    assert result["training"][-1][0] == pytest.approx(2.0)
    assert result["points"][0]["val_loss"] == pytest.approx(np.log(len(corpus.vocabulary)), rel=0.2)
    again = run_job(job, corpus, splits, tmp_path / "model.safetensors")
    assert [p["val_loss"] for p in again["points"]] == [p["val_loss"] for p in result["points"]]


def test_a_job_with_experts_measures_them_in_context_and_counts_the_time_of_counting(
    story: Path, tmp_path: Path
) -> None:
    corpus = Corpus.from_reading(Reading(story.read_text(), "story", ()))
    splits, settings = corpus.split(0.1, 0.0), {"batch_size": 4, "hidden_size": 16}
    job = Job("a", {**settings, "ngrams": "auto"}, epochs=1.0, keep_model=True)
    result = run_job(job, corpus, splits, tmp_path / "model.safetensors")
    model = load(tmp_path / "model.safetensors")
    assert model.experts is not None
    counting = evaluate_in_context(model.network, model.params, splits["val"], model.experts)
    assert result["val_loss_in_context"] == pytest.approx(counting.nats_per_char, rel=1e-6)
    assert result["val_loss_in_context"] != result["val_loss"]
    assert result["points"][0]["cpu_seconds"] > 0
    without = run_job(Job("a", settings, epochs=1.0), corpus, splits, tmp_path / "none")
    assert without["val_loss_in_context"] is None
    assert without["points"][0]["cpu_seconds"] == 0


def test_sizes_of_equal_parameters() -> None:
    wanted = parameters("rnn", 80, 200)
    for cell in LAYERS:
        assert parameters(cell, 80, size_for(cell, 80, wanted)) == pytest.approx(wanted, rel=0.02)


def test_measures_of_a_run() -> None:
    flat = {"training": [[k / 100, 2.0] for k in range(200)]}
    rough = {"training": [[k / 100, 2.0 + 0.1 * (-1) ** k] for k in range(200)]}
    assert roughness(flat) == pytest.approx(0.0, abs=1e-12)
    assert roughness(rough) == pytest.approx(0.1, rel=0.1)
    points = {"points": [{"step": 0, "val_loss": 4.0}, {"step": 100, "val_loss": 2.0}]}
    assert value_at(points, "step", 25) == 3.5


def test_measures_of_a_text() -> None:
    assert words("The clock's 3 hands; x and y_z don't.") == ["the", "clock's", "hands", "and", "don't"]
    assert share_of_words("the clock blick", {"the", "clock"}) == pytest.approx(2 / 3)
    assert share_of_words("1 2 3", {"the"}) == 0.0
    assert distinct_ngrams("abcabcabc", 3) == pytest.approx(3 / 7)
    assert distinct_ngrams("ab", 3) == 1.0
    assert longest_copy("xxthe cat satyy", "and the cat sat down") == "the cat sat"
    assert longest_copy("zzz", "abc") == ""
