"""Clients made for OpenAI's API, proxies on the same machine, and the key where others can reach the server."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient

from charrnn.errors import ConfigError
from charrnn.serving import access
from charrnn.serving.access import host_name, others_share_this_machine
from charrnn.serving.app import make_app
from charrnn.serving.models import Models
from tests.faults.commands import run
from tests.serving.conftest import Process

Start = Callable[..., Process]
NAME = "llm.example.org"


@pytest.fixture(scope="module")
def client(run_path: Path) -> Any:
    with TestClient(make_app(Models([run_path])), base_url="http://localhost") as client:
        yield client


def status(url: str, **headers: str) -> int:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


# Clients of OpenAI's API


NEUTRAL: dict[str, list[Any]] = {
    "best_of": [1, 2, 1.0], "suffix": [""], "presence_penalty": [0, 0.0], "frequency_penalty": [0], "logit_bias": [{}],
    "repetition_penalty": [1, 1.0], "min_tokens": [0], "ignore_eos": [False], "store": [False],
    "response_format": [{"type": "text"}], "modalities": [["text"]], "tools": [[]], "tool_choice": ["none", "auto"],
    "functions": [[]], "function_call": ["none", "auto"], "parallel_tool_calls": [True, False],
    "user": ["me"], "safety_identifier": ["me"], "prompt_cache_key": ["key"], "service_tier": ["auto", "flex"],
    "metadata": [{}, {"run": "7"}], "seed": [-1], "stop": [[]],
}  # fmt: skip


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_neutral_value_of_a_field_changes_nothing(client: TestClient, name: str) -> None:
    asked = {"prompt": "The", "max_tokens": 5, "n": 2, "seed": 3}
    expected = client.post("/v1/completions", json=asked).json()["choices"]
    for value in (None, *NEUTRAL[name]):
        answer = client.post("/v1/completions", json={**asked, name: value})
        assert answer.status_code == 200, answer.text
        if name != "seed":
            assert answer.json()["choices"] == expected


@pytest.mark.parametrize(
    "values",
    [
        {"best_of": 3}, {"best_of": True}, {"best_of": 0}, {"suffix": "."}, {"presence_penalty": False},
        {"frequency_penalty": 0.1}, {"logit_bias": {"1": 2}}, {"store": True}, {"store": 0}, {"min_tokens": 1},
        {"response_format": {"type": "json_object"}}, {"tools": [{}]}, {"tool_choice": "required"}, {"metadata": "me"},
        {"modalities": ["audio"]}, {"seed": -2}, {"seed": "-1"}, {"repetition_penalty": True}, {"user": {}},
    ],
)  # fmt: skip
def test_a_value_that_would_change_something_is_an_error(client: TestClient, values: dict[str, Any]) -> None:
    answer = client.post("/v1/completions", json={"prompt": "The", "n": 2, **values})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == next(iter(values))


def test_seed_minus_one_is_no_seed(client: TestClient) -> None:
    seeds = {client.post("/v1/completions", json={"seed": -1}).json()["seed"] for _ in range(5)}
    assert len(seeds) == 5
    assert min(seeds) >= 0


@pytest.mark.parametrize("logprobs", [0, 1, 5])
@pytest.mark.parametrize("stream", [False, True])
def test_the_drawn_character_is_always_among_the_likeliest(client: TestClient, logprobs: int, stream: bool) -> None:
    asked = {"prompt": "The", "max_tokens": 60, "temperature": 2, "seed": 1, "logprobs": logprobs, "echo": True}
    text = client.post("/v1/completions", json={**asked, "stream": stream}).text
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line and "[DONE]" not in line]
    more = 0
    for choice in (json.loads(line)["choices"][0] for line in lines):
        told = choice["logprobs"]
        for character, own, top in zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True):
            assert (own is None) == (top is None)
            if top is not None:
                assert top[character] == own
                assert len(top) in (logprobs, logprobs + 1)
                more += len(top) > logprobs
    assert more > 5


def test_the_openai_client_meets_an_unknown_model(start_server: Start, run_path: Path) -> None:
    url = start_server(run_path).url
    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as caught:
            client.completions.create(model="nope", prompt="The")
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("nope")
        assert caught.value.code == "model_not_found"


# A proxy on the same machine


def test_a_proxy_may_pass_on_its_own_name_or_ours(run_path: Path) -> None:
    app = make_app(Models([run_path]), allowed_hosts=[NAME, "::2"])
    with TestClient(app, base_url="http://localhost") as client:
        for headers, expected in (
            ({"host": NAME}, 200),
            ({"host": f"{NAME.upper()}.:443", "origin": f"https://{NAME}", "sec-fetch-site": "same-origin"}, 200),
            ({"host": "127.0.0.1:8000", "origin": f"https://{NAME}"}, 200),  # nginx without proxy_set_header
            ({"host": "[::2]:80"}, 200),
            ({"host": "localhost"}, 200),
            ({"host": f"evil.{NAME}"}, 403),
            ({"host": "evil.example"}, 403),
            ({"host": NAME, "origin": "https://evil.example"}, 403),
            ({"host": NAME, "origin": f"https://{NAME}.evil.example"}, 403),
            ({"host": "localhost", "origin": "http://localhost:9999"}, 403),
            ({"host": NAME, "origin": f"https://{NAME}", "sec-fetch-site": "cross-site"}, 403),
        ):
            answer = client.post("/v1/completions", json={"prompt": "The", "max_tokens": 1}, headers=headers)
            assert answer.status_code == expected, headers


def test_names_replace_any_name_where_others_can_reach_the_server(run_path: Path) -> None:
    app = make_app(Models([run_path]), any_host=True, allowed_hosts=[NAME])
    with TestClient(app, base_url="http://localhost") as client:
        found = {
            host: client.get("/v1/models", headers={"host": host}) for host in ("localhost", NAME, "other.example")
        }
    assert [answer.status_code for answer in found.values()] == [200, 200, 403]
    assert found["other.example"].json()["error"]["message"] == (
        f"this server answers only to localhost, {NAME}: ask it under that name, or start it with --allowed-host"
    )


@pytest.mark.parametrize("given", ["https://a.example", "a.example:80", "a/b", "", "*", "a b", "a\x1b[2J", "x" * 300])
def test_what_is_no_host_name_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a host name: give the name alone, such as llm\.example\.org"):
        host_name(given)
    if given == "a\x1b[2J":
        done, _, err = run(tmp_path, "serve", "x", "--allowed-host", given)
        assert (done, len(err.splitlines()), b"\x1b" in err) == (2, 1, False)


def test_allowed_hosts_are_flags_and_a_proxy_is_warned_of(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, "--allowed-host", NAME, "--allowed-host", "[::2]")
    assert status(f"{process.url}/v1/models", Host=f"{NAME}:443") == 200
    assert status(f"{process.url}/v1/models", Host="[::2]") == 200
    assert status(f"{process.url}/v1/models", Host="other.example") == 403
    exit_status, err = process.stop()
    assert exit_status == 0
    assert err == (
        f"warning: answering to {NAME}, ::2: anyone whom the proxy lets in can use these models and read these runs; "
        "set --api-key, or let the proxy ask for a password\n"
    )


# The key


def test_a_key_is_made_up_where_others_can_reach_the_server(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, "--host", "0.0.0.0", no_key=())
    url, key = f"http://127.0.0.1:{process.told['port']}", process.told["token"]
    assert len(key) >= 24
    assert status(f"{url}/?token={key}") == status(f"{url}/") == status(f"{url}/healthz") == 200
    assert status(f"{url}/v1/models") == status(f"{url}/v1/models?token={key}") == 401
    assert status(f"{url}/v1/models", Authorization=f"Bearer {key}") == 200


def test_each_start_makes_up_another_key_and_prints_it_in_the_address(run_path: Path) -> None:
    keys = set()
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "charrnn", "serve", str(run_path), "--port", "0", "--host", "0.0.0.0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "CHARRNN_API_KEY": ""},
        )  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        process.communicate(timeout=30)
        assert line.startswith("serving cat at http://0.0.0.0:")
        keys.add(line.split("/?token=")[1].split()[0])
    assert len(keys) == 2


def test_on_a_machine_of_ones_own_there_is_none(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, no_key=("--no-key",))
    assert "token" not in process.told
    assert status(f"{process.url}/v1/models") == 200


def test_a_key_and_none_exclude_each_other(tmp_path: Path) -> None:
    done, _, err = run(tmp_path, "serve", "x", "--api-key", "k", "--no-key")
    assert (done, err) == (
        2, b"charrnn: error: --api-key and --no-key exclude each other: leave one of them out\n",
    )  # fmt: skip


def account(uid: int, shell: str = "/bin/bash", name: str = "someone") -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, uid, "", f"/home/{name}", shell))


@pytest.mark.parametrize(
    ("listed", "running", "me", "shared"),
    [
        ([0, 1000], [0, 1000], 1000, False),
        ([0, 1000], [0, 1000], 0, False),  # root, and the one person
        ([0], [0, 65534], 0, False),
        ([0, 1000, 1001], [0], 1000, True),
        ([0, 1000], [0, 100_999], 1000, False),  # a user inside a container has no account here
        ([0, 1000], [0, 70_000], 1000, True),  # one from a directory service, not listed
        ([0], [0, 70_000], 70_000, False),
        ([0, 1000], [], 70_000, True),
        ([0, 1000, 1002], [1002], 1000, False),  # an account without a shell
    ],
)
def test_who_shares_a_machine(
    monkeypatch: pytest.MonkeyPatch, listed: list[int], running: list[int], me: int, shared: bool
) -> None:
    known = {uid: account(uid) for uid in (0, 1000, 1001, 70_000)}
    known[1002] = account(1002, "/usr/sbin/nologin")
    known[65534] = account(65534, name="nobody")
    monkeypatch.setattr(access.pwd, "getpwall", lambda: [known[uid] for uid in listed])
    monkeypatch.setattr(access.pwd, "getpwuid", lambda uid: known[uid])
    monkeypatch.setattr(access, "_owners_of_processes", lambda: set(running))
    monkeypatch.setattr(os, "getuid", lambda: me)
    assert others_share_this_machine() == shared
