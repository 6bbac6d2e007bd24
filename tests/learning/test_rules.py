"""Update rules and samplers of learners: right ones are accepted, in many forms, and wrong ones are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn as package
from charrnn.errors import ConfigError
from charrnn.generation.filters import apply_filters, make_sampling, probabilities
from charrnn.learning import check_file
from charrnn.learning.check import check_program
from charrnn.learning.isolation import Program
from charrnn.learning.rules.drawing import LOGITS, NEUTRAL, TRIED
from charrnn.learning.rules.sampling import SAMPLING, sampling
from charrnn.learning.rules.updates import UPDATES
from charrnn.learning.rules.updating import GRADIENTS, RATE, THETA, _run
from charrnn.training.optimizers import OPTIMIZERS
from tests.cli.conftest import Run, charrnn  # noqa: F401  (a fixture)

RIGHT = Path(__file__).with_name("right") / "rules"
DERIVATIONS = Path(__file__).parents[2] / "docs" / "derivations"
EVERY_RULE = {**UPDATES, **SAMPLING}

# file, function, line, wrong line, name, equation
PLANTED = [
    ("with_classes", "Adam.step", "self.t += 1", "pass", "step-counted-wrong", "adam.3"),
    ("with_classes", "Adam.step", "m *= self.betas[0]", "m *= 0", "memory-not-kept", "adam.1"),
    ("with_classes", "AdaGrad.update", "h[key] += grads", "h[key] = grads", "memory-overwritten", "adagrad.1"),
    ("with_vectors", "adam_step", "m / (1 - 0.9**t), v / (1 - 0.999**t)", "m, v", "bias-correction-missing", "adam.3"),
    ("with_vectors", "adam_step", "theta - rate", "theta + rate", "wrong-sign", "adam.4"),
    ("with_vectors", "adam_step", "np.sqrt(v_hat) + 1e-8", "np.sqrt(v_hat)", "epsilon-missing", "adam.4"),
    ("with_dictionaries", "", "np.sqrt(sc)", "sc", "square-root-missing", "adam.4"),
    ("with_dictionaries", "", "np.square(grads[key])", "grads[key]", "gradient-not-squared", "adam.2"),
    ("with_config", "adam", 'mt = config["m"] /', 'mt = config["m"] = config["m"] /', "correction-kept", "adam.3"),
    ("with_config", "rmsprop", '+ (1 - config["decay_rate"]) * dw**2', "+ dw**2", "weight-missing", "rmsprop.1"),
    ("with_config", "sgd_momentum", "next_w = w + v", "next_w = w - v", "velocity-sign", "sgd.1"),
    ("with_config", "sgd_momentum", 'config["velocity"] = v', "pass", "memory-not-kept", "sgd.1"),
    ("with_lists", "", "np.sqrt(mem + 1e-8)", "(mem + 1e-8)", "square-root-missing", "adagrad.2"),
    ("descent", "", 'parameters["b"] += -lr * gradients["db"]', "pass", "not-updated", "sgd.2"),
    ("samplers", "apply_temperature", "logits / t", "logits * t", "temperature-multiplied", "sampling.1"),
    ("samplers", "sample_next", "top_p) + 1", "top_p) + 2", "one-too-many", "sampling.3"),
    ("samplers", "nucleus", "n = 1 + np", "n = np", "one-too-few", "sampling.3"),
    ("samplers", "nucleus", "np.argsort(-probs)", "np.arange(len(probs))", "not-sorted", "sampling.3"),
    ("samplers", "nucleus", "kept / kept.sum()", "kept", "not-normalised", "sampling.3"),
    ("samplers", "draw", "np.argmax(np.cumsum(p) > np.random.rand())", "np.argmax(p)", "likeliest-taken", "sampling.4"),
    ("samplers", "top_k_filter", "[:-k]] = -np.inf", "[k:]] = -np.inf", "least-likely-kept", "sampling.2"),
    ("samplers", "top_k_filter", "[:-k]] = -np.inf", "[:-k]] = 0", "removed-logits-set-to-zero", "sampling.2"),
    ("seeded", "", "np.random.seed(seed)", "np.random.seed(1)", "always-the-same|likeliest-taken", "sampling.4"),
]  # fmt: skip


@pytest.mark.parametrize("path", sorted(RIGHT.glob("*.py")), ids=lambda p: p.stem)
def test_no_right_rule_is_accused(path: Path) -> None:
    report = check_file(path, seconds=60)
    assert report.verdict == "right", str(report)
    assert report.functions
    assert not report.not_checked


@pytest.mark.parametrize(("file", "function", "line", "wrong", "name", "equation"), PLANTED)
def test_a_planted_mistake_is_named_with_its_equation(
    file: str, function: str, line: str, wrong: str, name: str, equation: str
) -> None:
    source = (RIGHT / f"{file}.py").read_text(encoding="utf-8")
    assert source.count(line) == 1
    report = check_program(Program(source.replace(line, wrong), "mine.py"), function or None, None, 60)
    (found,) = report.mistakes
    assert found.name in name.split("|"), str(report)
    assert found.equation.startswith(equation), str(report)
    assert found.explanation
    assert found.array


@pytest.mark.parametrize("name", UPDATES)
def test_the_definitions_are_those_of_the_package(name: str) -> None:
    made = OPTIMIZERS["sgd" if name == "momentum" else name](len(THETA), np.dtype(float)) if name != "sgd" else None
    theta, steps = THETA.copy(), _run(UPDATES[name].definition, (0.9, 0.99 if name == "rmsprop" else 0.999))
    for g, step in zip(GRADIENTS, steps, strict=True):
        before = theta.copy()
        if made is None:
            theta -= RATE * g
        else:
            made.step(theta, g.copy(), RATE)
        np.testing.assert_allclose(theta - before, step, rtol=1e-6)


@pytest.mark.parametrize("setting", TRIED)
def test_the_sampler_is_that_of_the_package(setting: str) -> None:
    logits = LOGITS[None].copy()
    apply_filters(logits, make_sampling({setting: TRIED[setting]}))
    np.testing.assert_allclose(sampling(LOGITS, **{**NEUTRAL, setting: TRIED[setting]}), probabilities(logits)[0])


@pytest.mark.parametrize("name", EVERY_RULE)
def test_every_mistake_changes_something_and_has_its_derivation(name: str) -> None:
    rule = EVERY_RULE[name]

    def result(definition: Any) -> Any:
        if name in UPDATES:
            return _run(definition, (0.9, 0.999))
        values = {**NEUTRAL, **({name: TRIED[name]} if name in TRIED else {})}
        return definition(LOGITS, **values)

    made = list(rule.wrong())
    assert {m for m, _ in made} == set(rule.mistakes), "a line is not in the definition exactly once"
    with np.errstate(all="ignore"):
        for mistake, wrong in made:
            assert not any(np.allclose(result(wrong), result(right), rtol=1e-4) for right in rule.right()), mistake.name
            topic = mistake.equation.partition(".")[0]
            assert f"[{mistake.equation}]" in (DERIVATIONS / f"{topic}.md").read_text(encoding="utf-8")
            assert mistake.explanation.endswith(".")


def adam_step(theta, g, m, v, t, rate):  # type: ignore[no-untyped-def]
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return theta - rate * m / (np.sqrt(v) + 1e-8), m, v


def my_update(theta, g, rate):  # type: ignore[no-untyped-def]
    return theta + rate * g


def test_a_function_of_a_notebook_is_checked_by_its_name_or_the_rule_that_is_given() -> None:
    report = package.check(adam_step, seconds=60)
    assert [m.name for m in report.mistakes] == ["bias-correction-missing"]
    report = package.check(my_update, like="sgd", seconds=60)
    assert [m.name for m in report.mistakes] == ["wrong-sign"]
    assert "gradient descent" in repr(report)
    with pytest.raises(ConfigError, match=r"not a backward pass|is a backward pass"):
        package.check(my_update, seconds=60)
    with pytest.raises(ConfigError, match="no function follows 'adam' by its name"):
        check_program(Program("def f(a): return a\ndef g(a): return a", "mine.py"), None, "adam", 20.0)
    with pytest.raises(ConfigError, match="style 'adan' is not known"):
        package.check(my_update, like="adan", seconds=60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def adam(theta, g, mystery): return theta", "'adam' takes 'mystery', a name that is not known"),
        ("def adam(theta): return theta", "'adam' needs theta and g"),
        ("def adam(theta, g): raise ValueError('x')", "could not be run: line 1: ValueError: x"),
        ("def adam(theta, g): return 'x'", "could not be run"),
        ("def sample(probs): return 'x'", "could not be run"),
        ("def sample(k, top_p): return 1", "'sample' needs logits or probs"),
        ("def sample(probs):\n    while True: pass", "did not finish within 1 seconds"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_checked(text: str, message: str) -> None:
    name = text.partition("(")[0].removeprefix("def ")
    with pytest.raises(ConfigError, match=message):
        check_program(Program(text, "mine.py"), name, None, 1.0 if "while" in text else 20.0)


def test_what_only_sounds_like_a_rule_is_not_blamed() -> None:
    source = (RIGHT.parent / "min_char_rnn.py").read_text(encoding="utf-8")
    source += "\ndef draw(x):\n    plt.plot(x)\n\ndef sample_greedy(logits):\n    return np.argmax(logits)\n"
    source += "\ndef sample(h, seed_ix, n):\n    return []\n"
    report = check_program(Program(source, "mine.py"), None, None, 60)
    assert report.verdict == "right"
    assert [f.function for f in report.functions] == ["lossFun"]
    assert [name for name, _ in report.not_checked] == ["draw"]
    flat = (RIGHT.parent / "flat_states.py").read_text(encoding="utf-8")  # its function is called sgd_gradients
    assert check_program(Program(flat, "mine.py"), "sgd_gradients", None, 60).verdict == "right"


INHERITED = """
class Base:
    def __init__(self, params, lr=0.01):
        self.params, self.lr, self.t = params, lr, 0
        self.m = [np.zeros_like(p) for p in params]
        self.v = [np.zeros_like(p) for p in params]

class Adam(Base):
    def step(self, grads):
        self.t += 1
        for p, g, m, v in zip(self.params, grads, self.m, self.v):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= self.lr * m / (1 - 0.9**self.t) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)
"""


def test_a_rule_may_inherit_its_constructor() -> None:
    report = check_program(Program("import numpy as np\n" + INHERITED, "mine.py"), None, None, 60)
    assert str(report) == "Adam.step: right (Adam: theta)"


def test_a_rule_with_an_unknown_argument_is_said_to_be_unchecked() -> None:
    mine = "def adam_update(params, grads, mystery):\n    return params\n"
    report = check_program(Program(ADAM + mine, "mine.py"), None, None, 60)
    assert [f.function for f in report.functions] == ["adam_step"]
    assert [name for name, _ in report.not_checked] == ["adam_update"]
    with pytest.raises(ConfigError, match="'adam_update' takes 'mystery', a name that is not known"):
        check_program(Program(mine, "mine.py"), None, None, 60)


ADAM = (RIGHT / "with_vectors.py").read_text(encoding="utf-8")
OTHERS = """
def sample(logits, temperature):
    return logits * temperature

def sgd(w, dw, lr):
    return w + lr * dw

def momentum(w, dw, v, lr):
    v = 0.9 * v + dw
    return w + lr * v, v
"""


def test_like_checks_only_what_may_be_that_rule() -> None:
    source = (RIGHT.parent / "min_char_rnn.py").read_text(encoding="utf-8") + ADAM + OTHERS

    def found(text: str, like: str) -> tuple[list[str], str]:
        report = check_program(Program(text, "mine.py"), None, like, 60)
        assert not report.not_checked
        return [f.function for f in report.functions], report.verdict

    assert found(source, "adam") == (["adam_step"], "right")
    assert found(source, "sampling") == (["sample"], "wrong")
    assert found(source, "sgd") == (["sgd"], "wrong")
    assert found(source, "momentum") == (["momentum"], "wrong")
    assert found(source.replace("adam_step", "mine"), "adam") == (["mine"], "right")  # by its arguments
    assert found(source.replace("def momentum", "def update_parameters"), "momentum")[0] == ["update_parameters"]
    with pytest.raises(ConfigError, match="no function follows 'rmsprop' by its name or arguments"):
        found(OTHERS, "rmsprop")


@pytest.mark.parametrize("rate", ["step_size", "STEP_SIZE", "learning_rate", "eta"])
def test_a_rate_may_be_a_name_of_the_module(rate: str) -> None:
    source = f"{rate} = 0.5\ndef sgd(w, dw):\n    return w - {rate} * dw\n"
    assert check_program(Program(source, "mine.py"), None, "sgd", 60).verdict == "right"


def test_the_command_reports_a_rule(charrnn: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "mine.py").write_text((RIGHT / "with_vectors.py").read_text().replace("theta - rate", "theta + rate"))
    values = json.loads(charrnn("check", "mine.py", "--json", "--seconds", 60).out)
    assert values["checked"] == [{"function": "adam_step", "rule": "Adam", "right": [], "missing": []}]
    assert values["mistakes"][0]["derivation"] == "docs/derivations/adam.md"
    score = json.loads(charrnn("check", "mine.py:adam_step", "--like", "adam", "--gradescope", "--seconds", 60).out)
    assert score["tests"][0]["status"] == "failed"


ADAM_OF_ARRAYS = """
import numpy as np

class Adam:
    def __init__(self, params, learning_rate=0.01):
        self.params, self.rate, self.t = params, learning_rate, 0
        self.m = {k: np.zeros_like(v) for k, v in params.items()}
        self.v = {k: np.zeros_like(v) for k, v in params.items()}

    def step(self, grads):
        self.t += 1
        for k in self.params:
            self.m[k] = 0.9 * self.m[k] + 0.1 * grads[k]
            self.v[k] = 0.999 * self.v[k] + 0.001 * grads[k] ** 2
            m, v = self.m[k] / (1 - 0.9**self.t), self.v[k] / (1 - 0.999**self.t)
            self.params[k] -= self.rate * m / (np.sqrt(v) + 1e-8)
"""


def test_a_step_that_is_counted_for_each_array_is_named() -> None:
    right = check_program(Program(ADAM_OF_ARRAYS, "mine.py"), None, None, 60)
    assert right.verdict == "right"
    lines = ADAM_OF_ARRAYS.replace("        self.t += 1\n", "").replace(
        "in self.params:\n", "in self.params:\n            self.t += 1\n"
    )
    (mistake,) = check_program(Program(lines, "mine.py"), None, None, 60).functions[0].mistakes
    assert (mistake.name, mistake.equation) == ("step-counted-for-each-array", "adam.3")


def test_what_no_mistake_explains_is_shown_with_digits_that_differ() -> None:
    wrong = ADAM_OF_ARRAYS.replace("self.rate * m", "self.rate * 1.0004 * m")
    (mistake,) = check_program(Program(wrong, "mine.py"), None, None, 60).functions[0].mistakes
    assert mistake.name == "not-identified"
    assert "Step 1 moves the parameters by -0.010004, 0.010004, -0.010004, …; right is -0.01, 0.01, -0.01, …" in (
        mistake.explanation
    )


def test_gradescope_is_told_of_rules_that_were_not_checked() -> None:
    more = "\n\ndef adam_update(params, grads, state):\n    return params\n"
    report = check_program(Program(ADAM_OF_ARRAYS + more, "mine.py"), None, None, 60).as_gradescope()
    assert [(test["name"], test["score"], test["max_score"]) for test in report["tests"]] == [
        ("Adam.step", 1.0, 1.0),
        ("adam_update", 0.0, 0.0),
    ]
    assert report["score"] == 1.0
    assert "takes 'state'" in report["tests"][1]["output"]
