"""A model of documents behind the server: its texts end by themselves, and scores go from beginning to end."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.training.callback import Callback
from tests.serving.conftest import Process

RNG = np.random.default_rng(0)
NAMES = ["".join(RNG.choice(list("abcdeno"), RNG.integers(2, 9))) for _ in range(300)]
Ask = Callable[[str, dict[str, Any]], Any]


@pytest.fixture(scope="module", params=["none", "characters"])
def run_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("names") / "run"
    sizes = {"cell": "qrnn", "hidden_size": 16, "num_layers": 2, "seq_len": 8, "batch_size": 4, "steps": 60}
    return charrnn.train(NAMES, out=out, ngrams=request.param, callback=Callback(), **sizes).path


@pytest.fixture(scope="module")
def ask(run_path: Path) -> Any:
    process = Process(run_path)

    def post(path: str, body: dict[str, Any]) -> Any:
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(process.url + path, data, headers), timeout=30) as response:
            return json.load(response)

    yield post
    assert process.stop() == (0, "")


def test_a_completion_stops_at_the_boundary(run_path: Path, ask: Ask) -> None:
    model = charrnn.load(run_path)
    for prompt in ("", "ab"):
        answer = ask("/v1/completions", {"prompt": prompt, "max_tokens": 60, "seed": 1, "n": 4})
        for choice, expected in zip(answer["choices"], model.generate_many(4, prompt, 60, seed=1), strict=True):
            assert (choice["text"], choice["finish_reason"]) == (expected, "stop")
    cut = ask("/v1/completions", {"prompt": "", "max_tokens": 1, "seed": 1})["choices"][0]
    assert (len(cut["text"]), cut["finish_reason"]) == (1, "length")


def test_probabilities_of_an_echoed_prompt_begin_with_its_first_character(run_path: Path, ask: Ask) -> None:
    body = {"prompt": "abc", "max_tokens": 0, "echo": True, "logprobs": 1}
    choice = ask("/v1/completions", body)["choices"][0]
    assert choice["text"] == "abc"
    given = choice["logprobs"]["token_logprobs"]
    np.testing.assert_allclose(given, -charrnn.load(run_path).score("abc").per_char[:3], rtol=1e-4)


def test_score_and_inspection_include_the_first_character(run_path: Path, ask: Ask) -> None:
    expected = charrnn.load(run_path).score("anno").per_char
    np.testing.assert_allclose(ask("/v1/score", {"text": "anno"})["per_char"], expected, rtol=1e-4)
    np.testing.assert_allclose(ask("/api/inspect", {"model": "run", "text": "anno"})["nats"], expected[:4], rtol=1e-4)
