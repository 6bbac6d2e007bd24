"""Node runs the module that was exported; tests without it skip and say why."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


def run_in_node(folder: Path, code: str, **given: Any) -> Any:
    """What a piece of code returns that has the exported `model`, `load` and what is `given` (JSON)."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed: apt-get install nodejs")
    script = (
        f'import {{ load }} from "./index.js";\nconst given = {json.dumps(given)};\nconst model = await load();\n'
        f"const answer = await (async () => {{ {code} }})();\nprocess.stdout.write(JSON.stringify(answer));\n"
    )
    (folder / "script.mjs").write_text(script, encoding="utf-8")
    ran = subprocess.run(
        ["node", "script.mjs"], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
