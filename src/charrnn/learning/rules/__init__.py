"""Update rules and samplers of learners: compared with their definitions, and with those of known mistakes."""

from __future__ import annotations

from charrnn.errors import ConfigError
from charrnn.learning.isolation import Program
from charrnn.learning.report import Checked
from charrnn.learning.rules.drawing import check_sampler
from charrnn.learning.rules.finding import NAMES, Found, find_rules
from charrnn.learning.rules.updating import check_update

LIKE = (*NAMES, "sampling")  # what --like may name beside the styles of backward passes


def check_rule(program: Program, found: Found, seconds: float) -> Checked:
    """Say whether an update rule or a sampler is right.

    Raises
    ------
    ConfigError
        It takes what is not known, lacks what such a rule needs, or cannot be run.
    """
    name = found.function.name
    if found.unknown:
        known = "logits, probs, temperature, top_k, top_p, rng, seed"
        known = known if found.rule == "sampling" else "theta, g, m, v, t, rate, beta1, beta2, eps"
        raise ConfigError(f"'{name}' takes '{found.unknown[0]}', a name that is not known: name it as one of {known}")
    if not found.able:
        what = "logits or probs" if found.rule == "sampling" else "theta and g, parameters and their gradients"
        raise ConfigError(f"'{name}' needs {what} among its arguments, under these or other usual names")
    return (check_sampler if found.rule == "sampling" else check_update)(program, found, seconds)


__all__ = ["LIKE", "Found", "check_rule", "find_rules"]
