"""Update rules as a learner writes them, and what goes wrong in them: Adam, RMSProp, AdaGrad, gradient descent.

theta and g (P,); m and v are the memories, t counts from 1. Each line is one idea, and the mistakes replace lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.learning.rules.rule import Rule, Wrong, one

State = tuple[Any, Any, Any]  # theta, m, v


def adam(theta: Any, g: Any, m: Any, v: Any, t: int, rate: float, beta1: float, beta2: float) -> State:
    """Adam."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    step = m_hat / (np.sqrt(v_hat) + 1e-8)
    theta = theta - rate * step
    return theta, m, v


def rmsprop(theta: Any, g: Any, m: Any, v: Any, t: int, rate: float, beta1: float, beta2: float) -> State:
    """RMSProp; its ρ is beta2."""
    v = beta2 * v + (1 - beta2) * g**2
    step = g / (np.sqrt(v) + 1e-8)
    theta = theta - rate * step
    return theta, m, v


def adagrad(theta: Any, g: Any, m: Any, v: Any, t: int, rate: float, beta1: float, beta2: float) -> State:
    """AdaGrad."""
    v = v + g**2
    step = g / (np.sqrt(v) + 1e-8)
    theta = theta - rate * step
    return theta, m, v


def momentum(theta: Any, g: Any, m: Any, v: Any, t: int, rate: float, beta1: float, beta2: float) -> State:
    """Gradient descent with momentum; its μ is beta1."""
    m = beta1 * m + g
    step = m
    theta = theta - rate * step
    return theta, m, v


def sgd(theta: Any, g: Any, m: Any, v: Any, t: int, rate: float, beta1: float, beta2: float) -> State:
    """Gradient descent."""
    step = g
    theta = theta - rate * step
    return theta, m, v


def _around(label: str) -> tuple[Wrong, ...]:
    """What goes wrong in every rule."""
    return (
        one("wrong-sign", label, "theta - rate", "theta + rate", "It moves uphill: the step is subtracted from θ."),
        one("rate-missing", label, "rate * step", "step", "The step is not multiplied by the learning rate."),
        one("rate-twice", label, "rate * step", "rate * rate * step",
            "The step is multiplied by the learning rate twice."),
        one("rate-divides", label, "rate * step", "step / rate", "The step is divided by the learning rate. Multiply."),
        one("not-updated", label, "theta - rate * step", "theta + 0 * step",
            "θ does not change: what is computed is neither returned nor written into it."),
    )  # fmt: skip


def _by_size(label: str, where: str, memory: str) -> tuple[Wrong, ...]:
    """What goes wrong where the step is divided by the root of a memory of squares."""
    return (
        one("square-root-missing", label, f"np.sqrt({where})", where,
            f"The square root is missing: divide by √{where.replace('_hat', '̂')} + ε."),
        one("gradient-not-squared", memory, "g**2", "g", "The memory takes g. It takes g², which has no sign."),
        one("multiplied-not-divided", label, f" / (np.sqrt({where}) + 1e-8)", f" * (np.sqrt({where}) + 1e-8)",
            "It multiplies by the root of the memory. Divide by it."),
        one("squared-size-for-gradient", memory, "g**2", "np.abs(g)", "The memory takes |g|. It takes g²."),
    )  # fmt: skip


_M, _V = "beta1 * m + (1 - beta1) * g", "beta2 * v + (1 - beta2) * g**2"
_STEP = "m_hat / (np.sqrt(v_hat) + 1e-8)"
FIRST_ARRAY = 6  # parameters, where they are given as two arrays
_OF_ARRAYS = "(2 * t - (np.arange(len(theta)) < FIRST_ARRAY))"
ADAM = Rule("Adam", adam, "adam.4", (
    Wrong("bias-correction-missing", "adam.3", (("m_hat = m / (1 - beta1**t)", "m_hat = m"),
          ("v_hat = v / (1 - beta2**t)", "v_hat = v")),
          "The bias correction is missing: divide m and v, which begin at zero, by 1 − βᵗ. Without it the first steps "
          "have the wrong size."),
    one("bias-correction-missing", "adam.3", "m_hat = m / (1 - beta1**t)", "m_hat = m",
        "m is not corrected: divide it by 1 − β₁ᵗ."),
    one("bias-correction-missing", "adam.3", "v_hat = v / (1 - beta2**t)", "v_hat = v",
        "v is not corrected: divide it by 1 − β₂ᵗ."),
    Wrong("step-not-counted", "adam.3", (("beta1**t", "beta1"), ("beta2**t", "beta2")),
          "The correction takes β in every step. It takes βᵗ, where t is the number of the step."),
    Wrong("bias-correction-times-t", "adam.3", (("beta1**t", "beta1 * t"), ("beta2**t", "beta2 * t")),
          "The correction takes β · t. It takes β to the power of t."),
    *(Wrong("step-counted-wrong", "adam.3", (("beta1**t", f"beta1**{t}"), ("beta2**t", f"beta2**{t}")),
            f"The correction takes the number of another step ({said}). t is 1 in the first step, and grows by one.")
      for t, said in (("(t + 1)", "t + 1"), ("(2 * t)", "it grows by two"), ("(2 * t - 1)", "it grows by two"),
                      ("(t - 1)", "it begins with 0"))),
    Wrong("step-counted-for-each-array", "adam.3",
          (("beta1**t", f"beta1**{_OF_ARRAYS}"), ("beta2**t", f"beta2**{_OF_ARRAYS}")),
          "t grows once for each array. It is the number of the step: raise it once, before the loop over the arrays."),
    one("correction-of-the-other", "adam.3", "v / (1 - beta2**t)", "v / (1 - beta1**t)",
        "v is corrected with β₁. It takes β₂."),
    *(one("correction-kept", "adam.3", "return theta, m, v", f"return theta, {m}, {v}",
          "The corrected averages are kept for the next step. Keep m and v as they were before the correction.")
      for m, v in (("m_hat", "v_hat"), ("m_hat", "v"), ("m", "v_hat"))),
    Wrong("rates-exchanged", "adam.1", ((_M, "beta2 * m + (1 - beta2) * g"), (_V, "beta1 * v + (1 - beta1) * g**2"),
          ("beta1**t", "beta2**t"), ("v / (1 - beta2**t)", "v / (1 - beta1**t)")), "β₁ and β₂ are exchanged."),
    Wrong("rates-exchanged", "adam.1", ((_M, "beta2 * m + (1 - beta2) * g"), (_V, "beta1 * v + (1 - beta1) * g**2")),
          "β₁ and β₂ are exchanged."),
    one("weights-exchanged", "adam.1", _M, "(1 - beta1) * m + beta1 * g",
        "β₁ and 1 − β₁ are exchanged: the old average keeps the share β₁."),
    one("weights-exchanged", "adam.2", _V, "(1 - beta2) * v + beta2 * g**2",
        "β₂ and 1 − β₂ are exchanged: the old average keeps the share β₂."),
    Wrong("weights-exchanged", "adam.1", ((_M, "(1 - beta1) * m + beta1 * g"),
          (_V, "(1 - beta2) * v + beta2 * g**2")), "β and 1 − β are exchanged: the old average keeps the share β."),
    one("weight-missing", "adam.1", _M, "beta1 * m + g", "g is not multiplied by 1 − β₁."),
    one("weight-missing", "adam.2", _V, "beta2 * v + g**2", "g² is not multiplied by 1 − β₂."),
    Wrong("weight-missing", "adam.1", ((_M, "beta1 * m + g"), (_V, "beta2 * v + g**2")),
          "g and g² are not multiplied by 1 − β."),
    Wrong("memory-not-kept", "adam.1", ((_M, "(1 - beta1) * g"), (_V, "(1 - beta2) * g**2")),
          "m and v begin at zero in every step. Keep them from step to step."),
    one("memory-not-kept", "adam.1", _M, "(1 - beta1) * g", "m begins at zero in every step. Keep it."),
    one("memory-not-kept", "adam.2", _V, "(1 - beta2) * g**2", "v begins at zero in every step. Keep it."),
    one("average-not-used", "adam.4", _STEP, "g / (np.sqrt(v_hat) + 1e-8)", "The step takes g. It takes m̂."),
    one("correction-not-used", "adam.4", _STEP, "m / (np.sqrt(v) + 1e-8)", "The step takes m and v. It takes m̂ and v̂."),
    one("averages-exchanged", "adam.4", _STEP, "v_hat / (np.sqrt(m_hat) + 1e-8)", "m̂ and v̂ are exchanged."),
    one("square-of-the-average", "adam.2", "g**2", "m**2", "v averages m². It averages g²."),
    one("not-divided", "adam.4", _STEP, "m_hat", "The step is not divided by √v̂ + ε."),
    *_by_size("adam.4", "v_hat", "adam.2"), *_around("adam.4"),
))  # fmt: skip

RMSPROP = Rule("RMSProp", rmsprop, "rmsprop.2", (
    one("sum-for-average", "rmsprop.1", _V, "v + g**2", "The squares are summed, as in AdaGrad. v ← ρ v + (1 − ρ) g²."),
    one("weights-exchanged", "rmsprop.1", _V, "(1 - beta2) * v + beta2 * g**2",
        "ρ and 1 − ρ are exchanged: the old average keeps the share ρ."),
    one("weight-missing", "rmsprop.1", _V, "beta2 * v + g**2", "g² is not multiplied by 1 − ρ."),
    one("memory-not-kept", "rmsprop.1", _V, "(1 - beta2) * g**2", "v begins at zero in every step. Keep it."),
    one("memory-after-the-step", "rmsprop.2", "np.sqrt(v)", "np.sqrt((v - (1 - beta2) * g**2) / beta2)",
        "The step takes v before it is updated. Update v first."),
    *_by_size("rmsprop.2", "v", "rmsprop.1"), *_around("rmsprop.2"),
))  # fmt: skip

ADAGRAD = Rule("AdaGrad", adagrad, "adagrad.2", (
    one("memory-overwritten", "adagrad.1", "v + g**2", "g**2", "The memory holds the last g² only. Add: s ← s + g²."),
    one("memory-after-the-step", "adagrad.2", "np.sqrt(v)", "np.sqrt(v - g**2)",
        "The step takes s before it is updated. Update s first."),
    one("average-for-sum", "adagrad.1", "v + g**2", "0.9 * v + 0.1 * g**2", "The squares are averaged, as in RMSProp. "
        "AdaGrad adds them up."),
    one("squared-size-of-the-sum", "adagrad.1", "v + g**2", "np.sqrt(v) + g**2",
        "The root is kept in the memory. Keep the sum of the squares."),
    *_by_size("adagrad.2", "v", "adagrad.1"), *_around("adagrad.2"),
))  # fmt: skip

_MU = "beta1 * m + g"
MOMENTUM = Rule("gradient descent with momentum", momentum, "sgd.2", (
    one("memory-not-kept", "sgd.1", _MU, "g", "The velocity is not kept from step to step: this is plain gradient "
        "descent."),
    one("friction-missing", "sgd.1", _MU, "m + g", "The velocity is not multiplied by μ: it only grows."),
    one("friction-of-the-gradient", "sgd.1", _MU, "m + beta1 * g", "μ multiplies the gradient. It multiplies the "
        "velocity."),
    one("friction-of-both", "sgd.1", _MU, "beta1 * (m + g)", "μ multiplies the gradient, too. It multiplies the "
        "velocity alone."),
    one("velocity-sign", "sgd.1", _MU, "beta1 * m - g", "The gradient is subtracted from the velocity, and the "
        "velocity from θ: it moves uphill."),
    one("velocity-against-the-gradient", "sgd.1", _MU, "-beta1 * m + g", "The velocity of the step before is "
        "subtracted where it is added."),
    one("velocity-of-the-step-before", "sgd.2", "step = m", "step = (m - g) / beta1", "The step takes the velocity "
        "before it is updated."),
    *_around("sgd.2"),
), ((("beta1 * m + g", "beta1 * m + (1 - beta1) * g"),), (("step = m", "step = g + beta1 * m"),)))  # fmt: skip
SGD = Rule("gradient descent", sgd, "sgd.2", _around("sgd.2"))

UPDATES: dict[str, Rule] = {
    "adam": ADAM, "rmsprop": RMSPROP, "adagrad": ADAGRAD, "momentum": MOMENTUM, "sgd": SGD,
}  # fmt: skip
