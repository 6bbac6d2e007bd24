"""The OpenAPI description, held against a live server by schemathesis: what is said is so, and nothing else is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from charrnn.serving.app import make_app
from charrnn.serving.limits import Limits
from charrnn.serving.models import Models
from tests.serving.conftest import Process

EXAMPLES = 15
# A prompt is valid only in the characters that a model knows, which a schema cannot say; and some fields have a limit
# together (prompts x n). Requests that fit the schema are therefore not always accepted.
NOT_CHECKED = "positive_data_acceptance"
PROGRAM = "from schemathesis.cli import schemathesis; schemathesis()"


def described(server: Process) -> Any:
    with urllib.request.urlopen(f"{server.url}/openapi.json") as answer:
        return json.load(answer)


def test_the_server_is_as_described(server: Process, tmp_path: Path) -> None:
    """Requests that fit the schemas and requests that do not; each answer's status, type, headers and contents."""
    arguments = [
        "run", f"{server.url}/openapi.json", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color",
        "--phases", "examples,coverage,fuzzing", "--exclude-checks", NOT_CHECKED,
        "--request-timeout", "60",  # of a busy machine
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (tested,) = re.findall(r"Tested: (\d+)", done.stdout)
    (generated,) = re.findall(r"(\d+) generated, \1 passed", done.stdout)
    operations = len(described(server)["paths"]) - 1  # all but the description, which it has read already
    assert int(tested) == operations
    assert int(generated) > EXAMPLES * operations


def test_every_address_is_described(server: Process, run_path: Path) -> None:
    description = described(server)
    paths = {route.path for route in make_app(Models([run_path])).routes if hasattr(route, "path")}
    assert paths - {"/", "/static/{file}"} == set(description["paths"])
    assert "security" not in description


def test_the_key_is_described_where_there_is_one(run_path: Path) -> None:
    app = make_app(Models([run_path]), Limits(max_length=77), api_key="key")
    with TestClient(app, base_url="http://localhost", headers={"authorization": "Bearer key"}) as client:
        description = client.get("/openapi.json").json()
    assert description["security"] == [{"bearer": []}, {"password": []}]
    assert set(description["components"]["securitySchemes"]) == {"bearer", "password"}
    assert description["paths"]["/healthz"]["get"]["security"] == []
    body = description["paths"]["/v1/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fields = description["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
    assert fields["properties"]["max_tokens"]["anyOf"][0]["maximum"] == 77
