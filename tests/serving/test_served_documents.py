"""A model of documents behind the server: its texts end by themselves, and scores go from beginning to end."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import charrnn
from charrnn.inspection import activation, activations, find_units
from charrnn.serving.api import requests
from charrnn.serving.app import make_app
from charrnn.serving.models import Models
from charrnn.text.vocabulary import BOUNDARY
from charrnn.training.callback import Callback
from tests.serving.conftest import Process

RNG = np.random.default_rng(0)
NAMES = ["".join(RNG.choice(list("abcdeno"), RNG.integers(2, 9))) for _ in range(300)]
Ask = Callable[..., Any]


@pytest.fixture(scope="module", params=["none", "characters"])
def run_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("names") / "run"
    sizes = {"cell": "qrnn", "hidden_size": 16, "num_layers": 2, "seq_len": 8, "batch_size": 4, "steps": 60}
    return charrnn.train(NAMES, out=out, ngrams=request.param, callback=Callback(), **sizes).path


def serve(path: Path) -> Iterator[Ask]:
    """A function that posts a body to a server of a run, or gets an address without one."""
    process = Process(path)

    def ask(path: str, body: dict[str, Any] | None = None) -> Any:
        data, headers = None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(process.url + path, data, headers), timeout=30) as response:
            return json.load(response)

    yield ask
    assert process.stop() == (0, "")


@pytest.fixture(scope="module")
def ask(run_path: Path) -> Iterator[Ask]:
    yield from serve(run_path)


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


def test_units_are_found_in_documents_that_the_model_writes(run_path: Path, ask: Ask) -> None:
    found = ask("/api/units", {"model": "run", "text": ""})
    assert found["own"]
    assert 16_000 <= found["characters"] < 16_100
    assert len(found["units"]) == 2 * 16
    first = found["units"][0]
    values = ask("/api/activations", {"model": "run", "text": "anno", "layer": first["layer"], "unit": first["unit"]})
    expected = activation(charrnn.load(run_path), "anno", first["layer"], first["unit"])
    np.testing.assert_allclose(values["values"], expected, atol=6e-4)


def test_a_list_is_scored_document_by_document(run_path: Path, ask: Ask) -> None:
    texts = ["anno", "zz", "b"]
    model = charrnn.load(run_path)
    answer = ask("/v1/score", {"text": texts, "on_unknown": "skip"})
    assert (answer["object"], answer["model"]) == ("list", "run")
    for index, (given, expected) in enumerate(zip(answer["data"], model.score_many(texts, "skip"), strict=True)):
        assert (given["index"], given["characters"]) == (index, len(expected.per_char))
        assert given["percentile"] == expected.percentile is not None
        np.testing.assert_allclose([given["nats"], given["nats_per_char"]], [expected.nats, expected.nats_per_char])


@pytest.mark.parametrize(
    ("text", "param", "complaint"),
    [
        ([], "text", "text has 0 strings: it must have 1 to 100,000"),
        (["anno", "zo"], "text.1", "character 'z' (U+007A, LATIN SMALL LETTER Z) at position 0"),
        (["a" * 60_000] * 2, "text", "text has 120,000 characters in all: at most 100,000 are accepted"),
        (["a", 1], "text", "text must be a string or a list of strings"),
        ("a", "text", "text is too short: it must have at least 2 characters"),
    ],
)
def test_a_list_that_cannot_be_scored_is_named(text: Any, param: str, complaint: str, ask: Ask) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask("/v1/score", {"text": text})
    error = json.load(refused.value)["error"]
    assert (refused.value.code, error["param"]) == (400, param)
    assert error["message"].startswith(complaint)


@pytest.fixture(scope="module")
def labelled_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("labelled") / "run"
    pairs = [("low" if "a" in name else "high", name) for name in NAMES]
    sizes = {"cell": "qrnn", "hidden_size": 16, "num_layers": 2, "seq_len": 8, "batch_size": 4, "steps": 150}
    return charrnn.train(pairs, out=out, ngrams="auto", callback=Callback(), **sizes).path


@pytest.fixture(scope="module")
def ask_labelled(labelled_path: Path) -> Iterator[Ask]:
    yield from serve(labelled_path)


def test_a_completion_has_the_label_that_is_named_or_drawn(labelled_path: Path, ask_labelled: Ask) -> None:
    model = charrnn.load(labelled_path)
    for label in ("low", "high", None):
        body = {"prompt": "", "max_tokens": 60, "seed": 1, "n": 8, "label": label}
        expected = model.generate_many(8, "", 60, seed=1, label=label)
        assert [choice["text"] for choice in ask_labelled("/v1/completions", body)["choices"]] == expected
        logprobs = ask_labelled("/v1/completions", {**body, "logprobs": 5})["choices"]
        assert ["".join(choice["logprobs"]["tokens"]) for choice in logprobs] == expected
        shown = {c for choice in logprobs for top in choice["logprobs"]["top_logprobs"] for c in top}
        assert shown <= {*"abcdeno", BOUNDARY}
    prompted = ask_labelled("/v1/completions", {"prompt": "ab", "max_tokens": 60, "seed": 1})["choices"][0]["text"]
    assert prompted == model.generate("ab", 60, seed=1)


def test_an_echoed_prompt_is_scored_after_its_label(labelled_path: Path, ask_labelled: Ask) -> None:
    body = {"prompt": "nb", "max_tokens": 0, "echo": True, "logprobs": 1, "label": "high"}
    given = ask_labelled("/v1/completions", body)["choices"][0]["logprobs"]
    model = charrnn.load(labelled_path)
    (nats,) = model.nats_by_label(["nb"])
    assert given["tokens"] == ["n", "b"]
    np.testing.assert_allclose(given["token_logprobs"], -nats[model.labels.index("high"), 1:3], rtol=1e-4)


def test_units_are_found_under_the_labels_that_suit_the_documents(labelled_path: Path, ask_labelled: Ask) -> None:
    assert ask_labelled("/api/units", {"model": "run", "text": ""})["characters"] >= 16_000
    model = charrnn.load(labelled_path)
    np.testing.assert_allclose(activations(model, "nab")[-1], model.start("nab")._state[:, 0, 0], rtol=1e-6)
    assert len(find_units(model, ["nab", "", "one"] * 50)) == 2 * 16


def test_what_is_read_with_each_label_is_bounded(labelled_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_READ_OF_TEXTS", 9)
    with TestClient(make_app(Models([labelled_path])), base_url="http://localhost") as client:
        for path in ("/v1/score", "/api/inspect", "/api/units", "/api/activations"):
            body = {"model": "run", "text": "abcde", **({"layer": 0, "unit": 0} if "activations" in path else {})}
            answer = client.post(path, json=body)
            assert answer.status_code == 400
            words = "text is read with each of 2 labels, 10 characters in all: at most 9 are accepted"
            assert answer.json()["error"]["message"] == words


def test_an_unknown_label_is_named(ask_labelled: Ask) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask_labelled("/v1/completions", {"prompt": "", "label": "lo"})
    error = json.load(refused.value)["error"]
    assert (refused.value.code, error["param"]) == (400, "label")
    assert error["message"] == "label 'lo' is not known: did you mean 'low'?"


def test_scores_and_inspections_know_labels(labelled_path: Path, ask_labelled: Ask) -> None:
    model = charrnn.load(labelled_path)
    (score,) = ask_labelled("/v1/score", {"text": ["nab"]})["data"]
    np.testing.assert_allclose(score["nats"], model.score_many(["nab"])[0].nats)
    seen = ask_labelled("/api/inspect", {"model": "run", "text": "nab"})
    label, nats = model.classify(["nab"])[0].label, next(model.nats_by_label(["nab"]))
    np.testing.assert_allclose(seen["nats"], nats[model.labels.index(label), 1:4], rtol=1e-4)
    assert len(seen["gates"]) == len(seen["ranks"]) == len(seen["alternatives"]) == 3
    run = ask_labelled("/api/runs")["runs"][0]
    assert (run["documents"], run["labels"]) == (True, ["high", "low"])
