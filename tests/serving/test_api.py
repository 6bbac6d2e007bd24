"""The API as clients meet it: answers, errors, limits, who may ask."""

from __future__ import annotations

import base64
import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import charrnn
from charrnn import LanguageModel, RunError
from charrnn.cli.serve import check_installed
from charrnn.generation.filters import sampling_settings
from charrnn.runs.folder import RunFolder
from charrnn.serving.app import make_app
from charrnn.serving.engine import Engine
from charrnn.serving.limits import Limits, make_limits
from charrnn.serving.models import Models
from tests.serving.conftest import Occupy


def client_of(run: Path, limits: Limits | None = None, host: str = "localhost", **options: Any) -> TestClient:
    app = make_app(Models([run]), limits, **options)
    return TestClient(app, base_url=f"http://{host}", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(run_path: Path) -> Iterator[TestClient]:
    with client_of(run_path) as client:
        yield client


def complete(client: TestClient, **values: Any) -> Any:
    answer = client.post("/v1/completions", json=values)
    assert answer.status_code == 200, answer.text
    return answer.json()


def error_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def events(client: TestClient, **values: Any) -> list[Any]:
    with client.stream("POST", "/v1/completions", json={**values, "stream": True}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]


# Answers


def test_a_completion_is_what_the_model_writes(client: TestClient, model: LanguageModel) -> None:
    answer = complete(client, prompt="The clock", max_tokens=30, seed=4, temperature=0.8, top_p=0.9, min_p=0.01)
    expected = model.generate("The clock", 30, seed=4, temperature=0.8, top_p=0.9, min_p=0.01)
    assert answer["object"] == "text_completion"
    assert (answer["model"], answer["seed"]) == ("cat", 4)
    assert answer["choices"] == [{"text": expected, "index": 0, "logprobs": None, "finish_reason": "length"}]
    assert answer["usage"] == {"prompt_tokens": 9, "completion_tokens": 30, "total_tokens": 39}


def test_defaults_are_those_of_the_original(client: TestClient) -> None:
    answer = complete(client)
    assert len(answer["choices"][0]["text"]) == 16
    again = complete(client, seed=answer["seed"])
    assert again["choices"] == answer["choices"]
    assert complete(client)["seed"] != answer["seed"]


def test_several_prompts_and_texts_come_in_order(client: TestClient, model: LanguageModel) -> None:
    answer = complete(client, prompt=["The ", "the cat"], n=2, max_tokens=12, seed=2, echo=True)
    expected = [p + text for p in ("The ", "the cat") for text in model.generate_many(2, p, 12, seed=2)]
    assert [choice["text"] for choice in answer["choices"]] == expected
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]


def test_a_stop_string_ends_a_text(client: TestClient, model: LanguageModel) -> None:
    whole = model.generate("The ", 200, seed=1)
    for stop in (" ", ["zebra", " "]):
        (choice,) = complete(client, prompt="The ", max_tokens=200, seed=1, stop=stop)["choices"]
        assert (choice["text"], choice["finish_reason"]) == (whole[: whole.index(" ")], "stop")


def test_logprobs_in_their_places(client: TestClient) -> None:
    asked = {"prompt": "The", "max_tokens": 8, "seed": 1, "logprobs": 2, "top_k": 3}
    (choice,) = complete(client, **asked)["choices"]
    told = choice["logprobs"]
    assert "".join(told["tokens"]) == choice["text"]
    assert told["text_offset"] == list(range(3, 11))
    for top, character, logprob in zip(told["top_logprobs"], told["tokens"], told["token_logprobs"], strict=True):
        assert len(top) == 2 + (character not in list(top)[:2])
        assert top[character] == logprob
    assert choice["kept"] == [3] * 8
    (echoed,) = complete(client, **asked, echo=True)["choices"]
    assert echoed["text"] == "The" + choice["text"]
    assert echoed["logprobs"]["token_logprobs"][0] is echoed["logprobs"]["top_logprobs"][0] is None
    assert echoed["logprobs"]["token_logprobs"][3:] == told["token_logprobs"]
    assert echoed["logprobs"]["text_offset"] == list(range(11))
    assert echoed["kept"] == [None] * 3 + [3] * 8


def test_a_stream_is_the_same_text_in_parts(client: TestClient) -> None:
    asked = {"prompt": ["The", "W"], "n": 2, "max_tokens": 40, "seed": 1, "logprobs": 5, "echo": True, "stop": "cat"}
    parts, whole = events(client, **asked), complete(client, **asked)
    for choice in whole["choices"]:
        mine = [p["choices"][0] for p in parts if p["choices"][0]["index"] == choice["index"]]
        assert "".join(p["text"] for p in mine) == choice["text"]
        assert [p["finish_reason"] for p in mine] == [None] * (len(mine) - 1) + [choice["finish_reason"]]
        for name, values in choice["logprobs"].items():
            assert [v for p in mine for v in p["logprobs"][name]] == values
        assert [n for p in mine for n in p["kept"]] == choice["kept"]
    assert {p["id"] for p in parts} == {parts[0]["id"]}


def test_usage_comes_last_where_it_is_asked_for(client: TestClient) -> None:
    parts = events(client, prompt="The", max_tokens=5, stream_options={"include_usage": True})
    assert parts[-1]["choices"] == []
    assert parts[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    assert all(part["usage"] is None for part in parts[:-1])


def test_echo_without_more_is_the_prompt(client: TestClient) -> None:
    for logprobs in (None, 0):
        answer = complete(client, prompt="The", max_tokens=0, echo=True, logprobs=logprobs)
        assert (answer["choices"][0]["text"], answer["choices"][0]["finish_reason"]) == ("The", "length")
        assert answer["usage"]["completion_tokens"] == 0


def test_a_score_is_the_models_score(client: TestClient, model: LanguageModel) -> None:
    answer = client.post("/v1/score", json={"text": "The clock struck."}).json()
    expected = model.score("The clock struck.")
    assert answer["per_char"] == expected.per_char.tolist()
    assert answer["nats_per_char"] == expected.nats_per_char
    assert math.isclose(answer["bits_per_char"], expected.nats_per_char / math.log(2))
    assert math.isclose(answer["perplexity"], math.exp(expected.nats_per_char))
    assert answer["characters"] == 16


def test_models_are_listed_and_described(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    assert [m["id"] for m in listed["data"]] == ["cat"]
    assert client.get("/v1/models/cat").json() == listed["data"][0]
    assert error_of(client.get("/v1/models/dog"), 404)["code"] == "model_not_found"


def test_health_and_metrics(run_path: Path) -> None:
    with client_of(run_path) as client:
        assert client.get("/healthz").json() == {"status": "ok", "models": ["cat"]}
        complete(client, max_tokens=7, n=2)
        client.get("/v1/models/secret-name")
        text = client.get("/metrics").text
    assert 'charrnn_requests_total{method="POST",route="/v1/completions",status="200"} 1' in text
    assert 'charrnn_requests_total{method="GET",route="/v1/models/{id}",status="404"} 1' in text
    assert "charrnn_characters_total 14" in text
    assert "charrnn_active_lanes 0" in text
    assert "charrnn_queue_length 0" in text
    assert 'charrnn_first_character_seconds_bucket{le="+Inf"} 2' in text
    assert "secret-name" not in text


def test_a_sampling_setting_is_described_once(client: TestClient) -> None:
    known = sampling_settings()
    listed = client.get("/api/settings").json()["settings"]
    assert [each["name"] for each in listed] == list(known)
    assert {each["name"]: each["off"] for each in listed} == {"temperature": None, "top_k": 0, "top_p": 1, "min_p": 0}
    fields = client.get("/openapi.json").json()["components"]["schemas"]["CompletionRequest"]["properties"]
    for name, setting in known.items():
        schema = {**fields[name], **fields[name]["anyOf"][0]}
        assert {key: schema[key] for key in setting.json_schema()} == setting.json_schema()
        assert schema["anyOf"][1] == {"type": "null"}
        assert setting.most is not None
        error = error_of(client.post("/v1/completions", json={name: 2 * setting.most + 1}), 400)
        assert error["message"].startswith(f"{name} {2 * setting.most + 1:.0f}")


# Refusals


@pytest.mark.parametrize(
    ("values", "param", "said"),
    [
        ({"prompt": "Ωmega"}, "prompt", "'Ω' (U+03A9, GREEK CAPITAL LETTER OMEGA) at position 0"),
        ({"promt": "x"}, "promt", "did you mean 'prompt'?"),
        ({"prompt": 3}, "prompt", "must be a string or a list of strings, not 3"),
        ({"prompt": []}, "prompt", "1 to 64"),
        ({"prompt": ["a"] * 65}, "prompt", "has 65 strings"),
        ({"prompt": ["a"] * 40, "n": 2}, "n", "80 texts"),
        ({"prompt": "a" * 20_001}, "prompt", "at most 20,000"),
        ({"max_tokens": 10_001}, "max_tokens", "at most 10,000"),
        ({"max_tokens": 1.5}, "max_tokens", "whole number"),
        ({"max_tokens": True}, "max_tokens", "whole number"),
        ({"temperature": -1}, "temperature", "at least 0"),
        ({"temperature": "hot"}, "temperature", "must be a number"),
        ({"top_p": 1.1}, "top_p", "at most 1"),
        ({"n": 0}, "n", "at least 1"),
        ({"logprobs": 6}, "logprobs", "at most 5"),
        ({"seed": -2}, "seed", "at least -1"),
        ({"stop": ""}, "stop", "at least 1 char"),
        ({"stop": ["a", 1]}, "stop", "list of strings"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "without stream"),
        ({"stream_options": {"x": 1}}, "stream_options.x", "no field"),
        ({"stream_options": 1}, "stream_options", "an object"),
        ({"best_of": 2}, "best_of", "only 1 is accepted"),
        ({"suffix": "."}, "suffix", "not supported"),
        ({"presence_penalty": 0.5}, "presence_penalty", "not supported"),
        ({"logit_bias": {"1": 2}}, "logit_bias", "not supported"),
        ({"on_unknown": "guess"}, "on_unknown", "choose from error, skip"),
        ({"stop": ["a"] * 17}, "stop", "0 to 16"),
        ({"stop": "a" * 101}, "stop", "at most 100"),
        ([1], None, "must be a JSON object, not a list"),
        ({"temperature": 10**400}, "temperature", "too large"),
        ({"\ud800": 1}, "\ud800", "no field is called"),
    ],
)
def test_what_is_wrong_is_named(client: TestClient, values: Any, param: str | None, said: str) -> None:
    error = error_of(
        client.post("/v1/completions", content=json.dumps(values), headers={"content-type": "application/json"}), 400
    )
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert len(error["message"]) < 300
    assert said in error["message"]


@pytest.mark.parametrize("name", ["dog", "x" * 10**5, "\ud800"])
def test_an_unknown_model_is_not_found_wherever_it_is_asked_for(client: TestClient, name: str) -> None:
    for path, values in (("/v1/completions", {}), ("/v1/score", {"text": "The"}), ("/api/inspect", {"text": "The"})):
        content = json.dumps({"model": name, **values})
        answer = client.post(path, content=content, headers={"content-type": "application/json"})
        error = error_of(answer, 404)
        assert (error["type"], error["param"], error["code"]) == ("not_found_error", "model", "model_not_found")
        assert "choose from cat" in error["message"]
        assert len(error["message"]) < 150


def test_what_changes_nothing_is_accepted(client: TestClient) -> None:
    neutral = {
        "best_of": 1, "suffix": None, "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {},
        "user": "me", "stop": None, "seed": None, "stream": None, "logprobs": None, "max_tokens": 3.0,
    }  # fmt: skip
    assert len(complete(client, prompt="The", **neutral)["choices"][0]["text"]) == 3
    assert len(complete(client, prompt="The", stop=[])["choices"][0]["text"]) == 16


def test_no_answer_tells_whether_a_file_exists(client: TestClient) -> None:
    for path in ("/v1/score", "/api/inspect"):
        for name in (__file__, __file__ + "x"):
            assert client.post(path, json={"model": "cat", "text": name, "on_unknown": "skip"}).status_code == 200


def test_unknown_characters_are_skipped_where_asked(client: TestClient, model: LanguageModel) -> None:
    answer = complete(client, prompt="Thé \U0001f600c", max_tokens=9, seed=1, on_unknown="skip", echo=True)
    assert answer["choices"][0]["text"] == "Th c" + model.generate("Th c", 9, seed=1)
    assert answer["usage"]["prompt_tokens"] == 4
    score = client.post("/v1/score", json={"text": "Théo", "on_unknown": "skip"}).json()
    assert score["characters"] == 2
    assert "at least 2" in error_of(client.post("/v1/score", json={"text": "éé", "on_unknown": "skip"}), 400)["message"]


@pytest.mark.parametrize(
    ("path", "values", "param"),
    [
        ("/v1/completions", {"prompt": ["The", "Thé"]}, "prompt"),
        ("/v1/score", {"text": "Thé"}, "text"),
        ("/api/inspect", {"model": "cat", "text": "Thé"}, "text"),
        ("/api/units", {"model": "cat", "text": "Thé" * 100}, "text"),
        ("/api/activations", {"model": "cat", "text": "Thé", "layer": 0, "unit": 0}, "text"),
    ],
)
def test_an_unknown_character_has_a_code_and_a_remedy_over_http(
    client: TestClient, path: str, values: dict[str, Any], param: str
) -> None:
    error = error_of(client.post(path, json=values), 400)
    assert (error["param"], error["code"]) == (param, "unknown_character")
    assert "(U+00E9, LATIN SMALL LETTER E WITH ACUTE) at position 2" in error["message"]
    assert error["message"].endswith('set on_unknown to "skip" to leave such characters out')


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"temperature": NaN}', b"[" * 100_000, b"nul"])
def test_what_is_not_json_is_refused(client: TestClient, body: bytes) -> None:
    error = error_of(client.post("/v1/completions", content=body, headers={"content-type": "application/json"}), 400)
    assert error["code"] == "invalid_json"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_only_json_is_read(client: TestClient, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    error_of(client.post("/v1/completions", content=b"{}", headers=headers), 415)


def test_a_body_is_limited_whether_its_size_is_declared_or_not(run_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    with client_of(run_path, Limits(max_body=5000)) as client:
        json_type = {"content-type": "application/json"}
        for content in (b" " * 5001, pieces()):
            error = error_of(client.post("/v1/completions", content=content, headers=json_type), 413)
            assert "5,000" in error["message"]
        assert client.post("/v1/completions", content=b"{}".ljust(5000), headers=json_type).status_code == 200


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/v1/completions", {"prompt": "T" * 10}),
        ("/v1/completions", {"prompt": ["T", "T" * 10]}),
        ("/v1/completions", {"user": "T" * 1001}),
        ("/v1/completions", {"stop": ["T" * 101]}),
        ("/v1/score", {"text": "T" * 10}),
        ("/api/inspect", {"model": "cat", "text": "T" * 10}),
        ("/api/units", {"model": "cat", "text": "T" * 10}),
        ("/api/activations", {"model": "cat", "text": "T" * 10, "layer": 0, "unit": 0}),
    ],
)
def test_texts_are_limited(run_path: Path, path: str, values: dict[str, Any]) -> None:
    with client_of(run_path, Limits(max_prompt=9, max_text=9)) as client:
        error = error_of(client.post(path, json=values), 400)
    assert (error["param"], error["code"]) == ("text" if "text" in values else next(iter(values)), "too_long")
    assert re.search(r" has [\d,]+ characters: at most [\d,]+ are accepted", error["message"])


def test_other_addresses_and_methods(client: TestClient) -> None:
    assert error_of(client.get("/v1/nothing"), 404)["code"] == "not_found"
    answer = client.get("/v1/completions")
    error_of(answer, 405)
    assert answer.headers["allow"] == "POST"
    error_of(client.post("/v1/models", json={}), 405)
    error_of(client.get("/v1/models/"), 404)


def test_a_full_queue_is_a_429_with_retry_after(run_path: Path, occupy: Occupy) -> None:
    with client_of(run_path, Limits(max_streams=2, max_queue=1)) as client:
        occupied = occupy(client, 3)
        answer = client.post("/v1/completions", json={})
        error = error_of(answer, 429)
        assert (error["type"], error["code"]) == ("rate_limit_error", "queue_full")
        assert int(answer.headers["retry-after"]) >= 1
        assert "charrnn_refused_total 1" in client.get("/metrics").text
        occupied.leave()
        assert len(complete(client, n=3)["choices"]) == 3


def test_what_never_fits_is_not_to_be_tried_again(run_path: Path) -> None:
    with client_of(run_path, Limits(max_streams=2, max_queue=1, max_answer=100)) as client:
        error = error_of(client.post("/v1/completions", json={"n": 4}), 400)
        assert (error["param"], "may ask for 3" in error["message"]) == ("n", True)
        for wrong in (
            {"max_tokens": 101}, {"n": 3, "max_tokens": 34}, {"max_tokens": 11, "logprobs": 0},
            {"prompt": "T" * 50, "n": 2, "max_tokens": 1, "echo": True},
            {"prompt": "T" * 11, "echo": True, "logprobs": 0, "stream": True},
        ):  # fmt: skip
            error = error_of(client.post("/v1/completions", json=wrong), 400)
            assert error["code"] == "too_long"
            assert "one answer may have 100; lower n or max_tokens" in error["message"]
        complete(client, n=3, max_tokens=33)
        complete(client, prompt="T" * 49, n=2, max_tokens=1, echo=True)
        assert sum(len(event["choices"][0]["text"]) for event in events(client, max_tokens=101)) == 101


def test_there_is_no_place_in_time_for_a_text(run_path: Path, occupy: Occupy) -> None:
    with client_of(run_path, Limits(max_streams=1, max_seconds=0.2)) as client:
        occupied = occupy(client, 1)
        answer = client.post("/v1/completions", json={"prompt": "The"})
        assert error_of(answer, 503)["code"] == "late"
        assert answer.headers["retry-after"] == "5"
        assert events(client, prompt="The")[-1]["error"]["code"] == "late"
        occupied.leave()


def test_a_text_without_a_place_takes_no_other_with_it(run_path: Path) -> None:
    long = {"prompt": "The", "n": 2, "max_tokens": 10**6}
    limits = Limits(max_streams=1, max_seconds=0.2, max_length=10**6, max_answer=10**7)
    with client_of(run_path, limits) as client:
        choices = complete(client, **long)["choices"]
        assert [c["finish_reason"] for c in choices] == ["length", "length"]
        assert len(choices[0]["text"]) > 0 == len(choices[1]["text"])
        parts = [part["choices"][0] for part in events(client, **long)]
        assert [p["index"] for p in parts if p["finish_reason"] == "length"].count(1) == 1
        assert sum(len(p["text"]) for p in parts) > 0


def test_a_text_that_takes_too_long_ends_where_it_is(run_path: Path) -> None:
    with client_of(run_path, Limits(max_seconds=0.2, max_length=10**7, max_answer=10**7)) as client:
        (choice,) = complete(client, prompt="The", max_tokens=10**7)["choices"]
        assert 0 < len(choice["text"]) < 10**7
        assert choice["finish_reason"] == "length"


def test_an_error_inside_gives_nothing_away(run_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with client_of(run_path) as client:
        client.app.state.service.models = None  # type: ignore[attr-defined]
        answer = client.get("/v1/models")
    assert error_of(answer, 500)["message"] == "an error inside the server; its log says more"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "NoneType" in caplog.text


def test_a_guard_that_fails_gives_nothing_away(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charrnn.serving.guard._split", lambda address: 1 / 0)
    with client_of(run_path) as client:
        answer = client.get("/v1/models")
    assert error_of(answer, 500)["code"] == "internal_error"
    assert answer.headers["x-content-type-options"] == "nosniff"


# Who may ask


def test_every_answer_has_strict_headers(client: TestClient) -> None:
    answers = [
        client.get("/v1/models"), client.get("/nothing"), client.post("/v1/completions", content=b""),
        client.get("/v1/models", headers={"host": "evil.example"}), client.get("/healthz"),
    ]  # fmt: skip
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "LOCALHOST"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "[::1", "a b"]
)
def test_other_names_are_not_since_they_may_be_rebound(client: TestClient, host: str) -> None:
    assert error_of(client.get("/v1/models", headers={"host": host}), 403)["code"] == "wrong_host"


def test_under_any_name_where_it_listens_to_others(run_path: Path) -> None:
    with client_of(run_path, host="books.example", any_host=True) as client:
        assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://["},
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://localhost:9999"},
        {"origin": "http://localhost", "sec-fetch-site": "cross-site"},
    ],
)  # fmt: skip
def test_pages_of_other_sites_cannot_post(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/v1/completions", json={}, headers=headers)
    assert error_of(answer, 403)["code"] == "cross_origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_own_page_and_programs_can(client: TestClient) -> None:
    for headers in ({"origin": "http://localhost", "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {}):
        assert client.post("/v1/completions", json={}, headers=headers).status_code == 200


def test_a_key_is_asked_for_everywhere_but_at_the_health_check(run_path: Path) -> None:
    with client_of(run_path, api_key="pässword") as client:
        for path in ("/v1/models", "/metrics", "/openapi.json", "/api/runs", "/static", "/nothing", "/healthz/"):
            answer = client.get(path)
            assert error_of(answer, 401)["type"] == "authentication_error"
            assert answer.headers["www-authenticate"].startswith("Basic")
        for path in ("/", "/static/app.js", "/healthz"):  # the page and its files, which ask for the rest with the key
            assert client.get(path).status_code == 200
        assert client.get("/static/x").status_code == 404
        assert client.get("/v1/models?token=pässword").status_code == 401  # an address stays in logs
        basic = base64.b64encode("me:pässword".encode()).decode()
        for right in ("Bearer pässword".encode(), f"Basic {basic}".encode(), "bearer  pässword ".encode()):
            assert client.get("/v1/models", headers={b"authorization": right}).status_code == 200
        for wrong in (b"Bearer", b"Bearer x", b"Basic x", b"Basic me", b"", b"pass"):
            error_of(client.get("/v1/models", headers={b"authorization": wrong}), 401)


# Which models


def test_models_get_the_names_of_their_folders(run_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "shared.safetensors"
    file.write_bytes((run_path / "model.safetensors").read_bytes())
    models = Models([run_path, run_path / "model.safetensors", file, run_path])
    assert models.ids == ["cat", "cat-2", "shared", "cat-3"]
    assert models.get("cat").folder is not None
    assert models.get("shared").folder is None
    assert not models.get("cat").training


def test_what_is_no_model_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no model"):
        Models([tmp_path])
    with pytest.raises(RunError, match="nothing to serve"):
        Models([])


def test_a_run_in_training_is_followed(run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charrnn.serving.models.LOOK_EVERY", 0.0)
    path = tmp_path / "live"
    path.mkdir()
    (path / "config.json").write_bytes((run_path / "config.json").read_bytes())
    with RunFolder(path).lock(), client_of(path) as client:
        answer = client.post("/v1/completions", json={"prompt": "The"})
        assert error_of(answer, 503)["code"] == "no_model_yet"
        assert answer.headers["retry-after"] == "2"
        model = charrnn.load(run_path)
        for scale in (1.0, 0.5):
            model.params.vector[:] *= scale
            model.save(path / "model.safetensors")
            written = complete(client, prompt="The", max_tokens=40, seed=1)["choices"][0]["text"]
            assert written == model.generate("The", 40, seed=1)
        assert client.app.state.service.models.get("live").training  # type: ignore[attr-defined]
        (path / "model.safetensors").write_bytes(b"torn")
        assert complete(client, prompt="The", max_tokens=40, seed=1)["choices"][0]["text"] == written
    assert not Models([run_path]).get("cat").training


def test_a_run_that_died_before_its_first_save_stops_no_other(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "dead"
    path.mkdir()
    (path / "config.json").write_bytes((run_path / "config.json").read_bytes())
    with RunFolder(path).lock():
        models = Models([run_path, path])
    with TestClient(make_app(models), base_url="http://localhost") as client:
        for look_every in (0.0, 60.0):
            monkeypatch.setattr("charrnn.serving.models.LOOK_EVERY", look_every)
            cat, dead = client.get("/api/runs").json()["runs"]
            assert (cat["cell"], dead["cell"], dead["training"]) == ("qrnn", None, False)
            error = error_of(client.post("/v1/completions", json={"model": "dead"}), 503)
            assert error["code"] == "no_model"
            assert str(tmp_path) not in error["message"]
        assert complete(client, model="cat")
    assert caplog.text.count("there is no model at") == 1
    assert cat["limits"] == {"max_prompt": 20_000, "max_length": 10_000, "max_text": 20_000, "max_choices": 64}


def test_products_have_one_thread_as_long_as_the_server_lives(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    tried: list[bool] = []

    @contextmanager
    def limited(number: int) -> Iterator[None]:
        limits.append(number)
        yield
        limits.pop()

    def lanes(model: LanguageModel) -> int:
        tried.append(bool(limits))
        return 1

    monkeypatch.setattr("charrnn.serving.engine.engine.blas_threads", limited)
    monkeypatch.setattr("charrnn.serving.engine.engine.largest_independent_batch", lanes)
    Engine(charrnn.load(run_path), 1, 1).close()
    assert tried == [True]
    monkeypatch.setattr("charrnn.serving.app.blas_threads", limited)
    with client_of(run_path):
        assert limits == [1]
    assert limits == []


def test_limits_are_checked() -> None:
    assert make_limits({"max_queue": 0}) == Limits(max_queue=0)
    for name in ("max_streams", "max_length", "max_seconds"):
        with pytest.raises(charrnn.ConfigError, match=f"{name} 0"):
            make_limits({name: 0})


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(charrnn.ConfigError, match=re.escape("pip install 'charrnn[serve]'")):
        check_installed()
