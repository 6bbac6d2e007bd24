"""Record what the package does, in one JSON file, and compare with what it did.

Before a change that must keep behaviour, and after it, on the same machine and with the same NumPy:

    python -m tests.golden.record --out before.json
    python -m tests.golden.record --against before.json

The second prints each key whose value differs and exits with 1 if there is one. Another source tree is recorded by
naming it in PYTHONPATH. Everything is asked by names that users know: the command line, `charrnn.train` and
`charrnn.load`, the HTTP addresses of `charrnn serve`, the files of a run folder.

Numbers are compared exactly. On another processor or with another linear algebra library the last digits, and so all
digests, differ; the section `machine` says what was used. `machine` is never compared; differences in `openapi` and
`help`, which may be worded anew, are printed as such and leave the exit status as it is. The search by Optuna is not
recorded, and of settings drawn at random only the structure of the answer.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

import charrnn
from tests.golden import commands, server, trainings
from tests.golden.common import Json, book

UNCOMPARED = ("machine",)
WORDED = ("openapi", "help")  # what may be said in other words
MOST_LINES = 60  # of differences in a section
SHOWN = 160  # characters of a value


def record() -> dict[str, Json]:
    """All sections."""
    with tempfile.TemporaryDirectory(prefix="golden-") as name:
        folder = Path(name).resolve()
        (folder / "book.txt").write_text(book(), "utf-8")
        (folder / "other.txt").write_text(book(260)[-900:] + "Naïve € end.\n", "utf-8")
        found: dict[str, Json] = {"machine": machine()}
        found["interface"], found["help"] = commands.record_help(folder)
        for section, recorder in (
            ("training", trainings.record_training),
            ("resumed", trainings.record_resumed),
            ("samples", trainings.record_samples),
            ("commands", commands.record_commands),
            ("sweeps", commands.record_sweeps),
            ("failures", commands.record_failures),
        ):
            begun = time.monotonic()
            found[section] = recorder(folder)
            print(f"{section}: {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
        begun = time.monotonic()
        found["server"], found["openapi"] = server.record_server(folder)
        print(f"server: {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
        return found


def machine() -> dict[str, Json]:
    """Why digests may differ: the processor, NumPy and its linear algebra library."""
    built = np.show_config("dicts") or {}
    cpu = Path("/proc/cpuinfo")
    models = [line for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.is_file() else []
    facts: dict[str, Json] = {
        "cpu": models[0].split(":", 1)[1].strip() if models else platform.processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
        "charrnn": charrnn.__version__,
        "blas": built.get("Build Dependencies", {}).get("blas", {}),
        "simd": built.get("SIMD Extensions", {}),
    }
    try:
        from threadpoolctl import threadpool_info

        facts["libraries"] = [
            {key: library.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
            for library in threadpool_info()
        ]
    except ImportError:
        facts["libraries"] = None
    return facts


def flat(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every leaf of nested JSON under its path."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            yield from flat(item, f"{path} / {name}" if path else str(name))
    else:
        yield path, value


def differences(before: dict[str, Json], now: dict[str, Json]) -> list[str]:
    """One line for each key whose value differs, in the order of the recording."""
    old, new = dict(flat(before)), dict(flat(now))
    lines = []
    for path in dict.fromkeys([*old, *new]):
        if path not in new:
            lines.append(f"{path}: gone (was {_shown(old[path])})")
        elif path not in old:
            lines.append(f"{path}: new ({_shown(new[path])})")
        elif json.dumps(old[path]) != json.dumps(new[path]):  # 1 is not 1.0
            lines.append(f"{path}: {_shown(old[path])} -> {_shown(new[path])}")
    return lines


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def compare(before: dict[str, Json], now: dict[str, Json]) -> bool:
    """Print what differs; whether all that must be equal is."""
    for line in differences(before["machine"], now["machine"]):
        print(f"machine (not compared): {line}")
    equal = True
    for section in dict.fromkeys([*before, *now]):
        if section in UNCOMPARED:
            continue
        found = differences({section: before.get(section)}, {section: now.get(section)})
        for line in found[:MOST_LINES]:
            print(f"{'schema: ' if section in WORDED else ''}{line}")
        if len(found) > MOST_LINES:
            print(f"… and {len(found) - MOST_LINES:,} more in {section}")
        equal = equal and (not found or section in WORDED)
    return equal


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the recording into this file")
    parser.add_argument("--against", type=Path, help="compare with this earlier recording")
    asked = parser.parse_args()
    if asked.out is None and asked.against is None:
        parser.error("give --out, --against or both")
    before = json.loads(asked.against.read_text("utf-8")) if asked.against else None
    print(f"recording {Path(charrnn.__file__).parent}", file=sys.stderr, flush=True)
    now = json.loads(json.dumps(record()))  # as it is read again: tuples are lists, keys are strings
    if asked.out:
        asked.out.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if before is not None:
        equal = compare(before, now)
        print("equal" if equal else "DIFFERENT", file=sys.stderr)
        sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
