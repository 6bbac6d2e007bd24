"""The command line in a process of its own, with streams that misbehave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BOOK = "The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 40
SMALL = ["--cell", "rnn", "--num-layers", "1", "--hidden-size", "8", "--seq-len", "16", "--batch-size", "4"]
QUICK = [*SMALL, "--steps", "20", "--eval-every", "10", "--sample-every", "10", "--out", "run"]


def start(folder: Path, *arguments: object, env: dict[str, str] | None = None, **streams: Any) -> subprocess.Popen:
    """Start a command in a folder; its streams are pipes unless others are given."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    command = [sys.executable, "-m", "charrnn", *map(os.fsencode, map(str, arguments))]
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **(env or {})}, **streams)


def run(folder: Path, *arguments: object, **options: Any) -> tuple[int, bytes, bytes]:
    """Run a command to its end: exit status, standard output and standard error."""
    process = start(folder, *arguments, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out or b"", err or b""


def shell(folder: Path, line: str) -> tuple[int, bytes, bytes]:
    """Run a line of sh in which `charrnn` is the command."""
    script = f'charrnn() {{ "{sys.executable}" -m charrnn "$@"; }}; {line}'
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def on_terminal(folder: Path, *arguments: object, env: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Run a command whose output and errors go to a terminal: exit status, and what appeared there."""
    master, slave = os.openpty()
    process = start(folder, *arguments, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # the process has ended
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    return process.wait(timeout=60), shown
