"""The README's `./run` for its test: the commands as printed, with settings that make each a matter of seconds.

python -m tests.architecture.in_small COMMAND …
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request

MODEL = "--hidden-size 8 --num-layers 1"
SMALL = {
    "train": f"{MODEL} --seq-len 16 --batch-size 4 --steps 6",
    "gradcheck": f"{MODEL} --seq-len 6 --batch-size 3 --against complex-step",
    "serve": "--port 0",
}
BUDGET = ("--minutes", "--steps", "--epochs")


def small(command: str, arguments: list[str]) -> list[str]:
    """The words of a command with small settings; those that a model or a run has stay as they are."""
    extra = SMALL.get(command, "").split()
    if command == "train":
        for budget in BUDGET:
            if budget in arguments:
                at = arguments.index(budget)
                del arguments[at : at + 2]
        if "--init-from" in arguments or "--resume" in arguments:
            extra = ["--steps", "9"]
    return [sys.executable, "-m", "charrnn", command, *arguments, *extra]


def main() -> int:
    command, *arguments = sys.argv[1:]
    if command == "test":
        return 0  # it is the suite that this belongs to
    words = small(command, arguments)
    if command != "serve":
        return subprocess.run(words, check=False).returncode
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        said = ""
        for line in server.stdout or ():
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+/\S*", line):
                print(urllib.request.urlopen(found[0], timeout=20).status, found[0])
                break
        else:
            print(said)
        server.send_signal(signal.SIGTERM)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
