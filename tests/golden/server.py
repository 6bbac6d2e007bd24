"""What `charrnn serve` answers: completions, scores, what the page asks for, and bad requests."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.golden.common import TIMES, Json, environment, normal, plain

RUN = "small"  # trained by the section `commands`
FILE = "lstm-random-float64-deep"  # and one by `training`
BORING = {"date", "content-length", "etag", "server", "connection", "transfer-encoding"}
ALWAYS = {
    "content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy",
}  # fmt: skip
PROMPT: dict[str, Any] = {"model": RUN, "prompt": "The clock ", "max_tokens": 40, "seed": 3}
COMPLETIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "of the other model": {"model": FILE},
    "logprobs": {"logprobs": 3, "max_tokens": 12},
    "logprobs and filters": {"logprobs": 5, "max_tokens": 12, "top_k": 4, "top_p": 0.9, "temperature": 0.8},
    "logprobs 0": {"logprobs": 0, "max_tokens": 5},
    "echo": {"echo": True},
    "echo with logprobs": {"echo": True, "logprobs": 2, "max_tokens": 5},
    "stop": {"stop": ["e", "qu"]},
    "stop as a string": {"stop": "er", "max_tokens": 200},
    "n = 2": {"n": 2},
    "two prompts, n = 2": {"prompt": ["The ", "A "], "n": 2, "max_tokens": 15},
    "greedy": {"temperature": 0},
    "all filters": {"temperature": 1.2, "top_k": 10, "top_p": 0.95, "min_p": 0.05},
    "nothing to write": {"max_tokens": 0, "echo": True},
    "no prompt": {"prompt": ""},
    "unknown left out": {"prompt": "The € cat", "on_unknown": "skip", "echo": True},
    "fields that change nothing": {"best_of": 1, "user": "me", "suffix": "", "logit_bias": {}, "stop": None},
}
STREAMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "usage": {"stream_options": {"include_usage": True}},
    "logprobs and echo": {"logprobs": 2, "echo": True, "max_tokens": 8},
    "n = 2 with stop": {"n": 2, "stop": "e"},
}
TEXT = {"model": RUN, "text": "The clock strikes one. An old cat waits for the hour!\n"}
PAGE: dict[str, tuple[str, dict[str, Any]]] = {
    "score": ("/v1/score", TEXT),
    "score, unknown left out": ("/v1/score", {**TEXT, "text": "The € cat", "on_unknown": "skip"}),
    "score by the first model": ("/v1/score", {"text": "The cat"}),
    "inspect": ("/api/inspect", TEXT),
    "inspect one character": ("/api/inspect", {**TEXT, "text": "T"}),
    "units": ("/api/units", {**TEXT, "text": TEXT["text"] * 12}),
    "units of its own text": ("/api/units", {**TEXT, "text": ""}),
    "activations": ("/api/activations", {**TEXT, "layer": 0, "unit": 5}),
    "activations of the other model": ("/api/activations", {**TEXT, "model": FILE, "layer": 1, "unit": 2}),
}
GETS = ("/healthz", "/v1/models", f"/v1/models/{RUN}", "/api/runs", f"/api/runs/{RUN}/metrics",
        f"/api/runs/{RUN}/samples", f"/api/runs/{FILE}/metrics", f"/api/runs/{FILE}/samples")  # fmt: skip
WRONG_FIELDS: dict[str, tuple[str, Any]] = {
    "unknown field": ("/v1/completions", {**PROMPT, "max_token": 3}),
    "unknown model": ("/v1/completions", {**PROMPT, "model": "smal"}),
    "wrong type": ("/v1/completions", {**PROMPT, "max_tokens": "many"}),
    "true for a number": ("/v1/completions", {**PROMPT, "temperature": True}),
    "number that is not whole": ("/v1/completions", {**PROMPT, "n": 1.5}),
    "negative": ("/v1/completions", {**PROMPT, "temperature": -1}),
    "too large a number": ("/v1/completions", {**PROMPT, "max_tokens": 10**9}),
    "prompt of numbers": ("/v1/completions", {**PROMPT, "prompt": [1, 2]}),
    "prompt too long": ("/v1/completions", {**PROMPT, "prompt": "a" * 20_001}),
    "too many prompts": ("/v1/completions", {**PROMPT, "prompt": ["a"] * 65}),
    "too many texts": ("/v1/completions", {**PROMPT, "prompt": ["a"] * 40, "n": 2}),
    "answer too long": ("/v1/completions", {**PROMPT, "n": 40, "max_tokens": 10_000}),
    "not supported": ("/v1/completions", {**PROMPT, "best_of": 2}),
    "options without stream": ("/v1/completions", {**PROMPT, "stream_options": {}}),
    "unknown field inside": ("/v1/completions", {**PROMPT, "stream": True, "stream_options": {"usage": True}}),
    "empty stop": ("/v1/completions", {**PROMPT, "stop": ""}),
    "unknown character": ("/v1/completions", {**PROMPT, "prompt": "€"}),
    "unknown choice": ("/v1/completions", {**PROMPT, "on_unknown": "ignore"}),
    "a list": ("/v1/completions", [PROMPT]),
    "score without text": ("/v1/score", {"model": RUN}),
    "score of one character": ("/v1/score", {"text": "a"}),
    "score of an unknown character": ("/v1/score", {"text": "a€"}),
    "inspect an unknown model": ("/api/inspect", {**TEXT, "model": "nobody"}),
    "inspect too much": ("/api/inspect", {**TEXT, "text": "a" * 20_001}),
    "units in too little": ("/api/units", {**TEXT, "text": "a"}),
    "layer that does not exist": ("/api/activations", {**TEXT, "layer": 1, "unit": 0}),
    "unit missing": ("/api/activations", {**TEXT, "layer": 0}),
}
JSON_TYPE = {"content-type": "application/json"}
WRONG_REQUESTS: dict[str, tuple[str, str, bytes | None, dict[str, str]]] = {
    "not JSON": ("POST", "/v1/completions", b"{", JSON_TYPE),
    "not a JSON number": ("POST", "/v1/completions", b'{"temperature": NaN}', JSON_TYPE),
    "not UTF-8": ("POST", "/v1/score", b'{"text": "\xff"}', JSON_TYPE),
    "wrong content type": ("POST", "/v1/completions", b"{}", {"content-type": "text/plain"}),
    "no content type": ("POST", "/v1/completions", b"{}", {}),
    "body too large": ("POST", "/v1/completions", b"{}", {**JSON_TYPE, "content-length": "2000001"}),
    "wrong method": ("GET", "/v1/completions", None, {}),
    "options": ("OPTIONS", "/v1/completions", None, {}),
    "unknown address": ("GET", "/v1/nothing", None, {}),
    "unknown address with a slash": ("GET", "/v1/models/", None, {}),
    "unknown model by name": ("GET", "/v1/models/nobody", None, {}),
    "metrics of an unknown run": ("GET", "/api/runs/nobody/metrics", None, {}),
    "file outside": ("GET", "/static/..%2fapp.py", None, {}),
    "wrong host": ("GET", "/v1/models", None, {"host": "example.org"}),
    "other origin": ("POST", "/v1/completions", b"{}", {**JSON_TYPE, "origin": "http://example.org"}),
    "other site": ("POST", "/v1/completions", b"{}", {**JSON_TYPE, "sec-fetch-site": "cross-site"}),
}


class Server:
    """`charrnn serve` in a process of its own, on a port that was free."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "charrnn", "serve", *arguments, "--port", "0", "--json"],
            cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate()[1])
        self.told = json.loads(line)

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[Json, bytes]:
        """Status and headers of the answer, and its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.told["port"], timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        told = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in BORING}
        return {"status": answer.status, "headers": {n: told[n] for n in sorted(told) if n not in ALWAYS}}, content

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Json:
        """All that is told, with the body read as JSON and a digest of its bytes."""
        found, content = self.send(method, path, body, headers or {})
        text = plain(content.decode(), self.folder)
        for name in TIMES:
            text = re.sub(rf'"{name}":\s*[\d.]+', f'"{name}":0', text)
        text = re.sub(r"cmpl-[0-9a-f]+", "cmpl-ID", text)
        try:
            found["json"] = json.loads(text)
        except ValueError:
            found["text"] = text[:2000]
        return {**found, "bytes": hashlib.sha256(text.encode()).hexdigest()}

    def post(self, path: str, values: Json) -> Json:
        return self.ask("POST", path, json.dumps(values).encode(), JSON_TYPE)

    def stream(self, values: dict[str, Any]) -> Json:
        """The events of a stream put together: how many characters come at a time depends on the clock."""
        found, content = self.send(
            "POST", "/v1/completions", json.dumps({**values, "stream": True}).encode(), JSON_TYPE
        )
        lines = content.decode().split("\n\n")
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line and line != "data: [DONE]"]
        choices: dict[int, dict[str, Any]] = {}
        for event in events:
            for choice in event["choices"]:
                whole = choices.setdefault(
                    choice["index"], {"text": "", "finish_reasons": [], "logprobs": {}, "kept": []}
                )
                whole["text"] += choice["text"]
                whole["finish_reasons"] = [*whole["finish_reasons"], choice["finish_reason"]][-1:]
                whole["kept"] += choice.get("kept", [])
                for name, items in (choice["logprobs"] or {}).items():
                    whole["logprobs"].setdefault(name, []).extend(items)
        kinds = {json.dumps({name: type(value).__name__ for name, value in event.items()}) for event in events}
        return {
            **found,
            "choices": [choices[index] for index in sorted(choices)],
            "events": sorted(kinds),
            "every line": all(line.startswith("data: ") for line in lines[:-1]),
            "end": lines[-2:],
            "last usage": events[-1].get("usage"),
            "seeds": sorted({event["seed"] for event in events}),
        }

    def stop(self) -> Json:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=30)
        return {"status": self.process.returncode, "out": out, "err": err}


def record_server(folder: Path) -> tuple[Json, Json]:
    """The answers of one server; and its description, with names, types and limits only."""
    server = Server(folder, RUN, f"{FILE}/model.safetensors")
    try:
        found: dict[str, Json] = {
            "told": {**normal(server.told, folder), "address": "http://127.0.0.1:PORT/", "port": "PORT"},
            "completions": {n: server.post("/v1/completions", {**PROMPT, **v}) for n, v in COMPLETIONS.items()},
            "streams": {name: server.stream({**PROMPT, **values}) for name, values in STREAMS.items()},
            "page": {name: server.post(path, values) for name, (path, values) in PAGE.items()},
            "gets": {path: server.ask("GET", path) for path in GETS},
            "files": {p: server.send("GET", p, None, {})[0] for p in ("/", "/static/app.js", "/static/style.css")},
            "wrong fields": {name: server.post(path, values) for name, (path, values) in WRONG_FIELDS.items()},
            "wrong requests": {name: server.ask(*request) for name, request in WRONG_REQUESTS.items()},
            "headers of every answer": _always(server),
            "metrics": _metric_names(server.send("GET", "/metrics", None, {})[1].decode()),
        }
        description = json.loads(server.send("GET", "/openapi.json", None, {})[1])
    finally:
        found_end = server.stop()
    return {**found, "end": found_end, "with a key": _with_key(folder)}, _description(description)


def _always(server: Server) -> Json:
    connection = http.client.HTTPConnection("127.0.0.1", server.told["port"], timeout=60)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return {name: answer.getheader(name) for name in sorted(ALWAYS)}


def _metric_names(text: str) -> Json:
    """Names and types, and the labels that there are; the numbers are not of interest."""
    names = sorted({re.split(r"[{ ]", line, maxsplit=1)[0] for line in text.splitlines() if not line.startswith("#")})
    labels = sorted(set(re.findall(r'(\w+)="', text)))
    return {"names": names, "labels": labels, "types": sorted(re.findall(r"^# TYPE (.*)$", text, re.MULTILINE))}


def _with_key(folder: Path) -> Json:
    server = Server(folder, RUN, "--api-key", "secret", "--max-length", "20", "--max-prompt", "5", "--max-text", "9")
    key = {"authorization": "Bearer secret"}
    try:
        return {
            "without": server.ask("GET", "/v1/models"),
            "wrong": server.ask("GET", "/v1/models", None, {"authorization": "Bearer secrets"}),
            "right": server.ask("GET", "/v1/models", None, key),
            "as a password": server.ask("GET", "/api/runs", None, {"authorization": "Basic YW55OnNlY3JldA=="}),
            "health": server.ask("GET", "/healthz"),
            "limits": [
                server.ask("POST", path, json.dumps(values).encode(), {**JSON_TYPE, **key})
                for path, values in (
                    ("/v1/completions", {"prompt": "The clock"}),
                    ("/v1/completions", {"max_tokens": 21}),
                    ("/v1/score", {"text": "The clocks"}),
                    ("/api/inspect", {"model": RUN, "text": "The clocks"}),
                )
            ],
        }
    finally:
        server.stop()


def _description(document: Json) -> Json:
    """Of the OpenAPI document the addresses, statuses, and properties with their types and limits."""

    def bare(value: Json) -> Json:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k not in ("description", "summary", "title", "operationId")}
        return [bare(item) for item in value] if isinstance(value, list) else value

    paths = {
        f"{method.upper()} {path}": {
            "statuses": sorted(told["responses"]),
            "body": bare(told.get("requestBody", {})),
            "answer": bare(told["responses"].get("200", {})),
        }
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }
    return {"paths": paths, "schemas": bare(document["components"]["schemas"])}
