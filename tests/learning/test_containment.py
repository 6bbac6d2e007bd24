"""What a learner's program does beside its work stays in its process, and is reported in one line."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from charrnn.errors import ConfigError
from charrnn.learning import check_file
from charrnn.learning.check import check_program
from charrnn.learning.isolation import Program
from tests.cli.conftest import Run, charrnn  # noqa: F401  (a fixture)
from tests.learning.planted import RIGHT

SOURCE = (RIGHT / "plain_batched.py").read_text(encoding="utf-8")
LINE = "    T, B = inputs.shape"
RESULT = "return loss, grads, h[-1]"


def with_body(body: str, top: str = "") -> Program:
    """A right program that does something else first, in its function or at its top level."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    assert SOURCE.count(LINE) == 1
    return Program(f"{top}\n{SOURCE.replace(LINE, lines + LINE)}", "mine.py")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os; os.fork()", "PermissionError: a program that is being checked may not call os.fork"),
        ("import numpy; numpy.ones(7_000_000_000)", "MemoryError: Unable to allocate"),
        ("x = []\nwhile True: x.append(np.ones(3_000_000))", "MemoryError|did not finish"),
        ("def f(n): return f(n + 1)\nf(0)", "RecursionError: maximum recursion depth exceeded"),
        ("input('your name: ')", "line 9: EOFError"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt$"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines$"),
        ("import os\nwhile True: os.write(2, b'x' * 1_000_000)", "File too large"),
        ("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
         "can't start new thread|did not finish"),
        ("import missing_package_of_mine as m", "No module named 'missing_package_of_mine'"),
        ("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass", "did not finish within"),
        ("import os; os._exit(0)", r"ended its process before it returned \(status 0\)"),
        ("import os; open('results.json', 'w').write('[]'); os._exit(0)", "ended its process before it returned"),
    ],
)  # fmt: skip
def test_what_a_program_does_is_one_line(body: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        check_program(with_body(body), None, None, 8.0)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "body", ["for _ in range(20): print('x' * 1_000_000)", "import os; os.chdir('/')", "import sys; sys.stdin.read()",
             "open('log.txt', 'w').write('x')", "import atexit, time; atexit.register(time.sleep, 99)",
             "import matplotlib.pyplot as plt\nfigure, axis = plt.subplots()\nplt.plot([1, 2])\nplt.show()",
             "np.seterr(all='raise')"],
)  # fmt: skip
def test_what_does_no_harm_is_no_mistake(body: str) -> None:
    assert check_program(with_body(body), None, None, 30.0).verdict == "right"


def test_a_package_that_is_missing_is_said_where_it_is_used() -> None:
    with pytest.raises(ConfigError, match=r"name 'ns' is not defined \(No module named 'nosuchpackage'\)"):
        check_program(with_body("ns.seed(1)", top="import nosuchpackage as ns"), None, None, 20.0)
    assert check_program(with_body("pass", top="import nosuchpackage as ns"), None, None, 30.0).verdict == "right"


@pytest.mark.parametrize(
    "value",
    ["Trap()", "[Trap()]", "(lambda x: x.append(x) or x)([])", "[np.zeros(1000)] * 100_000", "np.zeros(10**7)"],
)
def test_what_is_returned_beside_the_gradients_cannot_hang_or_fill_memory(value: str) -> None:
    trap = (
        "class Trap:\n    def __getattr__(self, name): return self\n    def __getitem__(self, key): return self\n"
        "    def __len__(self): return 10**9\n    def __iter__(self): return iter(lambda: self, None)\n"
    )
    source = SOURCE.replace(RESULT, f"return loss, grads, {value}")
    assert source != SOURCE
    assert check_program(Program(trap + source, "mine.py"), None, None, 30.0).verdict == "right"


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="the system has no groups of processes")
def test_processes_that_a_program_starts_end_with_it(tmp_path: Path) -> None:
    mark = f"97.{os.getpid()}"
    body = (
        "import _posixsubprocess, os, sys\nr, w = os.pipe()\nr2, w2 = os.pipe()\n"
        f"a = [b'/bin/sleep', b'{mark}']\n"
        "from multiprocessing import util\nutil.spawnv_passfds(b'/bin/sleep', a, [])\n"
        "import time\ntime.sleep(99)"
    )
    with pytest.raises(ConfigError):
        check_program(with_body(body), None, None, 3.0)
    time.sleep(0.2)
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(mark.encode() in command for command in commands)


@pytest.mark.parametrize("framework", ["torch", "tensorflow as tf", "jax.numpy as jnp"])
def test_a_program_of_a_framework_is_refused_in_one_line(framework: str) -> None:
    source = (
        f"import {framework}\nclass Net:\n    def forward(self, x): return x\ndef train(net, x, y): net(x).backward()"
    )
    with pytest.raises(ConfigError, match=r"^'mine.py' uses \w+, which computes gradients by itself: check takes"):
        check_program(Program(source, "mine.py"), None, None, 20.0)


def test_a_framework_beside_a_pass_by_hand_is_not_blamed_for_its_error() -> None:
    program = with_body("raise ValueError('mine')", top="import torch")
    with pytest.raises(ConfigError, match=r"could not be run: line .*ValueError: mine"):
        check_program(program, None, None, 20.0)


def test_a_notebook_is_read_with_what_only_it_understands(charrnn: Run, tmp_path: Path) -> None:  # noqa: F811
    cells = [{"cell_type": "markdown", "source": ["def ("]},
             {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install charrnn\n", "import numpy as np"]},
             {"cell_type": "code", "source": SOURCE}]  # fmt: skip
    (tmp_path / "mine.ipynb").write_text(json.dumps({"cells": cells}))
    assert charrnn("check", "mine.ipynb", "--seconds", 60).status == 0
    (tmp_path / "mine.ipynb").write_text("[]")
    with pytest.raises(ConfigError, match="is not a notebook: it has no list of cells"):
        check_file(tmp_path / "mine.ipynb")


def test_gradients_that_are_not_set_to_zero_are_a_warning() -> None:
    source = (RIGHT / "lstm_keeps_gradients.py").read_text(encoding="utf-8")
    line = "        self.zero_grad()\n"
    assert source.count(line) == 1
    report = check_program(Program(source.replace(line, ""), "mine.py"), None, None, 60)
    assert report.verdict == "right"
    assert [w.name for w in report.warnings] == ["gradients-not-reset"]
    assert not check_program(Program(source, "mine.py"), None, None, 60).warnings
