"""The checker: it names planted mistakes, accuses no right program, and contains what a program may do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import charrnn as package
from charrnn.errors import ConfigError
from charrnn.learning import check_file
from charrnn.learning.case import GATES, LARGE, Case
from charrnn.learning.check import check_program
from charrnn.learning.isolation import Program
from charrnn.learning.layouts import STYLES
from charrnn.learning.mistakes import MISTAKES, Mistake
from charrnn.learning.references import NETWORKS
from tests.cli.conftest import Run, charrnn  # noqa: F401  (a fixture)
from tests.learning.planted import PLANTED, RIGHT, Planted

DERIVATIONS = Path(__file__).parents[2] / "docs" / "derivations"
PROGRAMS = sorted(RIGHT.glob("*.py"))
STYLE_OF = {"min_char_rnn": "min-char-rnn", "dd2424": "dd2424", "dd2424_object": "dd2424", "cs231n_rnn": "cs231n",
            "cs231n_lstm": "cs231n", "coursera_rnn": "coursera", "coursera_lstm": "coursera",
            "coursera_names": "coursera"}  # fmt: skip
EVERY_MISTAKE = [pytest.param(n, m, id=f"{n}-{k}-{m.name}") for n, ms in MISTAKES.items() for k, m in enumerate(ms)]
LOOP = "def loss_and_grads(params, inputs, targets, h0):\n    "


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
@pytest.mark.parametrize("styled", [False, True])
def test_no_right_program_is_accused(path: Path, styled: bool) -> None:
    report = check_file(path, like=STYLE_OF.get(path.stem, "plain") if styled else None, seconds=60)
    assert report.verdict == "right", str(report)
    assert not any(f.missing for f in report.functions), str(report)
    assert {w.name for w in report.warnings} <= {"softmax-overflow"}


def test_a_function_of_something_else_is_not_checked_and_said_so() -> None:
    report = check_file(RIGHT / "cs231n_modules.py", seconds=60)
    assert [f.function for f in report.functions] == ["rnn_step_backward", "rnn_backward", "loss"]
    assert [name for name, _ in report.not_checked] == ["temporal_affine_backward", "temporal_softmax_loss"]
    assert "temporal_affine_backward: not checked: " in str(report)
    assert report.as_dict()["not_checked"][0]["function"] == "temporal_affine_backward"


def test_a_gradient_returned_from_a_dictionary_has_the_name_of_its_key() -> None:
    program = (RIGHT / "lstm_dictionary_of_gradients.py").read_text(encoding="utf-8")
    wrong = program.replace("dc_next = dc * f", "dc_next = dc")
    assert wrong != program
    (found,) = check_program(Program(wrong, "mine.py"), None, None, 60).mistakes
    assert (found.name, found.array) == ("forget-gate-missing", "dWf, dWi, dWc, dWo, dbf, dbi, dbc, dbo")


def test_quiet_leaves_the_verdict(charrnn: Run, tmp_path: Path) -> None:  # noqa: F811
    source = (RIGHT / "min_char_rnn.py").read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(source.replace("hs[t - 1].T", "hs[t].T"), encoding="utf-8")
    result = charrnn("check", "mine.py", "--quiet", "--seconds", 60)
    assert (result.status, result.out, result.err) == (1, "lossFun: wrong (vanilla RNN)\n", "")


@pytest.mark.parametrize("mistake", PLANTED, ids=lambda p: f"{p.file}-{p.name or 'novel'}")
def test_a_planted_mistake_is_named_with_its_equation(mistake: Planted) -> None:
    report = check_program(Program(mistake.program, "mine.py"), mistake.function or None, None, 60)
    assert report.verdict == "wrong"
    found = report.mistakes
    if mistake.name:
        assert any(m.name.startswith(mistake.name) and m.equation == mistake.equation for m in found), str(report)
        assert len(found) <= 1 + ("\n" in mistake.line.strip()), str(report)
    else:  # located by array, and not taken for something else
        assert {m.name for m in found} == {"not-identified"}, str(report)
    assert all(m.explanation and m.array for m in found)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", ["loss", "layer", "step"])
def test_the_references_gradients_are_complex_step_derivatives(network: str, kind: str) -> None:
    case = Case(network, kind, 3, zero=())
    d, found = case.data(), case.reference()
    assert found is not None
    if kind == "loss":
        loss = found["loss"]
        for key in ("U", "W", "b", "V", "c", "h0", *(("bh",) if network == "gru" else ())):
            index = (0,) * d[key].ndim
            before = d[key][index]
            d[key][index] = before + 1e-6
            case_up = case.reference()
            d[key][index] = before
            assert case_up is not None
            assert (case_up["loss"] - loss) / 1e-6 == pytest.approx(found[key][index], rel=1e-3, abs=1e-6)
        return
    for key in ("U", "W", "b", "h0", "x"):
        index = (0,) * d[key].ndim
        before, values = d[key][index], []
        for shift in (1e-6, -1e-6):
            d[key][index] = before + shift
            result = case.reference()
            assert result is not None
            total = np.vdot(result["h"], d["d_out"]) if kind == "layer" else np.vdot(result["h"][-1], d["d_last"])
            values.append(
                total + (np.vdot(result["last_c"], d["d_c_last"]) if kind == "step" and "cells" in result else 0)
            )
        d[key][index] = before
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(found[key][index], rel=1e-6, abs=1e-7), key


@pytest.mark.parametrize(("network", "mistake"), EVERY_MISTAKE)
def test_every_mistake_of_the_catalogue_changes_something_and_has_its_derivation(
    network: str, mistake: Mistake
) -> None:
    case = Case(network, "loss", 3, numbers=LARGE if mistake.large else "normal", zero=())
    if mistake.large:
        mistake = mistake._replace(wrong=mistake.wrong.replace("clip_at(5.0", "clip_at(0.01"))
    right, wrong = case.reference(), case.reference([mistake])
    assert right is not None
    assert wrong is not None, "its line is not in the reference exactly once"
    assert any(not np.allclose(right[k], wrong[k], rtol=1e-3, atol=1e-6) for k in right), "no array differs"
    topic = mistake.equation.partition(".")[0]
    assert f"[{mistake.equation}]" in (DERIVATIONS / f"{topic}.md").read_text(encoding="utf-8")
    assert mistake.explanation.endswith((".", ")"))


def test_the_cases_are_those_of_the_networks() -> None:
    assert GATES.keys() == NETWORKS.keys() == MISTAKES.keys()


# Containment.


def program(body: str) -> Program:
    return Program(f"import os, sys\nimport numpy as np\n{LOOP}{body}\n    U = params['U'], params['W'], params['V']\n"
                   "    return 0.0, {'U': params['U']}\n", "mine.py")  # fmt: skip


def test_a_program_that_hangs_is_stopped() -> None:
    with pytest.raises(ConfigError, match="did not finish within 1 seconds"):
        check_program(program("while True: pass"), None, None, 1.0)


@pytest.mark.parametrize("body", ["os._exit(3)", "os.abort()", "import ctypes; ctypes.string_at(0)"])
def test_a_program_that_ends_its_process_is_reported(body: str) -> None:
    with pytest.raises(ConfigError, match=r"ended its process|could not be run"):
        check_program(program(body), None, None, 20.0)


@pytest.mark.parametrize("body", ["sys.exit(0)", "raise KeyboardInterrupt", "return 1 / 0", "f = lambda: f()\n    f()"])
def test_a_program_that_raises_is_reported_with_its_line(body: str) -> None:
    with pytest.raises(ConfigError, match="'loss_and_grads' could not be run: line "):
        check_program(program(body), None, None, 20.0)


def test_gradients_of_a_loss_in_bits_are_in_bits_or_in_nats_and_a_mistake_is_named() -> None:
    source = (RIGHT / "loss_in_bits.py").read_text()
    in_nats = source.replace("do /= T * np.log(2)", "do /= T")
    assert check_program(Program(in_nats, "mine.py"), None, None, 60).verdict == "right"
    for program in (source, in_nats):
        wrong = program.replace("(1 - h[t] ** 2)", "(1 - h[t])")
        assert wrong != program
        report = check_program(Program(wrong, "mine.py"), None, None, 60)
        assert report.verdict == "wrong"
        assert [mistake.equation for function in report.functions for mistake in function.mistakes] == ["rnn.3"]


def test_a_thread_that_goes_on_is_not_waited_for() -> None:
    body = "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start()"
    source = (RIGHT / "plain_batched.py").read_text().replace("    T, B = inp", f"    {body}\n    T, B = inp")
    assert check_program(Program(source, "mine.py"), None, None, 60).verdict == "right"


def test_a_program_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("mine")
    for attempt in (f"open({str(kept)!r}, 'w')", f"os.remove({str(kept)!r})", f"os.rename({str(kept)!r}, 'x')",
                    f"os.open({str(kept)!r}, os.O_WRONLY | os.O_TRUNC)", "__import__('subprocess').run(['true'])",
                    "__import__('socket').create_connection(('127.0.0.1', 9))"):  # fmt: skip
        with pytest.raises(ConfigError, match=r"PermissionError: a program that is being checked may not"):
            check_program(program(attempt), None, None, 20.0)
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]


def test_prints_relative_files_and_training_at_the_top_level_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = (
        RIGHT / "plain_batched.py"
    ).read_text() + "\nprint('loud')\nopen('made.txt', 'w')\nwhile True:\n    pass\n"
    source = source.replace(
        "    T, B = inputs.shape", "    print('loud')\n    open('log.txt', 'a').write('x')\n    T, B = inputs.shape"
    )
    (tmp_path / "mine.py").write_text(source)
    assert check_file(tmp_path / "mine.py", seconds=60).verdict == "right"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]
    assert "loud" not in "".join(capfd.readouterr())


def test_a_program_may_import_a_module_beside_it(tmp_path: Path) -> None:
    source = (RIGHT / "cs231n_lstm.py").read_text()
    start, end = source.index("def sigmoid"), source.index("def lstm_step_forward")
    (tmp_path / "helpers.py").write_text("import numpy as np\n\n\n" + source[start:end])
    (tmp_path / "mine.py").write_text("from helpers import sigmoid\n" + source[:start] + source[end:])
    assert check_file(tmp_path / "mine.py", seconds=60).verdict == "right"


def test_without_processes_the_program_runs_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr("charrnn.learning.isolation.subprocess.run", None)
    assert check_file(RIGHT / "cs231n_rnn.py").verdict == "right"


# From Python and from the command line.


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def gru_step_forward(x: Any, h_prev: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    (x_r, x_z, x_n), (h_r, h_z) = np.split(x @ Wx + b, 3, axis=1), np.split(h_prev @ Wh[:, : 2 * SIZE], 2, axis=1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = np.tanh(x_n + (r * h_prev) @ Wh[:, 2 * SIZE :])
    h_next = (1 - z) * n + z * h_prev
    return h_next, (x, h_prev, Wx, Wh, r, z, n)


def gru_step_backward(dh_next: Any, cache: Any) -> Any:
    x, h_prev, Wx, Wh, r, z, n = cache
    dn = dh_next * (1 - z) * (1 - n**2)
    drh = dn @ Wh[:, 2 * SIZE :].T
    dr, dz = drh * h_prev * r * (1 - r), dh_next * (h_prev - n) * z * (1 - z)
    da = np.hstack([dr, dz, dn])
    dh_prev = drh * r + np.hstack([dr, dz]) @ Wh[:, : 2 * SIZE].T  # the direct path, dh_next * z, is missing
    dWh = np.hstack([h_prev.T @ dr, h_prev.T @ dz, (r * h_prev).T @ dn])
    return da @ Wx.T, dh_prev, x.T @ da, dWh, da.sum(axis=0)


SIZE = 4


def test_a_function_is_checked_with_what_it_needs_beside_it() -> None:
    report = package.check(gru_step_backward, seconds=60)
    assert [m.name for m in report.mistakes] == ["direct-path-missing"]
    assert "gru.5" in repr(report)
    with pytest.raises(ConfigError, match="takes a Python function"):
        package.check(3)  # type: ignore[arg-type]
    namespace: dict[str, Any] = {}
    exec("def f(): pass", namespace)
    with pytest.raises(ConfigError, match="source of 'f' is not available"):
        package.check(namespace["f"])


@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_functions_of_a_notebook_are_checked_with_their_cells(tmp_path: Path) -> None:
    source = (RIGHT / "cs231n_rnn.py").read_text()
    helpers, rest = source.split("def rnn_forward")
    cells = [
        helpers, "def rnn_forward" + rest, "import charrnn\nreport = charrnn.check(rnn_backward, seconds=60)",
        "print(report.verdict)\nreport",
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute(cwd=str(tmp_path))
    said = str(notebook.cells[-1].outputs)
    assert "right" in said
    assert "dWx, dWh, db" in said


def test_without_the_modules_that_limit_a_process_it_runs_all_the_same() -> None:
    code = (
        "import sys\nfor name in ('resource', 'fcntl', 'multiprocessing'): sys.modules[name] = None\n"
        "from pathlib import Path\nfrom charrnn.learning import check_file\n"
        f"print(check_file(Path({str(RIGHT / 'cs231n_rnn.py')!r}), seconds=60).verdict)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "right\n", done.stderr


def test_the_command_reports_and_its_exit_status_is_the_verdict(charrnn: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "mine.py").write_text(PLANTED[0].program)
    result = charrnn("check", "mine.py", "--seconds", 60)
    assert result.status == 1
    assert "recurrent-gradient-missing [rnn.4], in dWxh, dWhh, dbh" in result.out
    assert "derivations/rnn.md" in result.out
    values = json.loads(charrnn("check", "mine.py:lossFun", "--like", "min-char-rnn", "--json", "--seconds", 60).out)
    assert values["verdict"] == "wrong"
    assert {"name", "array", "equation", "explanation"} <= values["mistakes"][0].keys()
    assert values["checked"][0]["right"] == ["loss", "dWhy", "dby", "hs"]
    score = json.loads(charrnn("check", "mine.py", "--gradescope", "--seconds", 60).out)
    assert score["score"] == 0
    assert score["tests"][0]["name"] == "lossFun"
    assert score["tests"][0]["status"] == "failed"
    (tmp_path / "mine.py").write_text((RIGHT / "min_char_rnn.py").read_text())
    right = charrnn("check", "mine.py", "--gradescope", "--seconds", 60)
    assert right.status == 0
    assert json.loads(right.out)["score"] == json.loads(right.out)["tests"][0]["max_score"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def (", "is not Python, line 1"),
        ("x = 1", "no function is a backward pass"),
        ("def backward(a, targets): return a", "could not be run|not known"),
    ],
)
def test_programs_that_cannot_be_checked(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ConfigError, match=message):
        check_file(tmp_path / "mine.py")


def test_every_style_has_a_program() -> None:
    assert set(STYLE_OF.values()) | {"plain"} == set(STYLES)
