"""The numbers on which a learner's function is tried: distinct sizes, repeated characters, a state that is not zero.

T steps, B lanes, H units, K characters (or numbers in an input).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from charrnn.learning.mistakes import HEAD, Mistake, with_mistakes

H, K, LANES, STEPS = 4, 7, 3, 5
GATES = {"rnn": "h", "lstm": "ifgo", "gru": "rzn", "gru_before": "rzn"}
NORMAL, LARGE, OVERFLOW = "normal", "large", "overflow"  # kinds of numbers


@dataclass(frozen=True)
class Case:
    """A network and its data. Equal descriptions have equal numbers."""

    network: str
    kind: str  # loss: ids to a loss; layer: numbers to states; step: one step of it
    lanes: int = 1
    numbers: str = NORMAL
    zero: tuple[str, ...] = ("bh",)  # biases that the program does not have
    blank_first: bool = False  # the first input is a vector of zeros (Coursera's names)
    state_given: bool = True  # else the program starts from zero
    memory_given: bool = True
    forget_bias: float = 0.0  # what a program adds to the forget gate, as TensorFlow does

    @property
    def steps(self) -> int:
        return 1 if self.kind == "step" else STEPS

    def data(self) -> dict[str, Any]:
        """Parameters U (K, G·H), W (H, G·H), b, bh (G·H,), V (H, K), c (K,); ids, x (T, B, K), states, cotangents."""
        network = "gru" if self.network == "gru_before" else self.network
        return _data(replace(self, network=network, forget_bias=0.0))

    def reference(self, mistakes: Sequence[Mistake] = ()) -> dict[str, Any] | None:
        """Loss, states and gradients, with mistakes; None if the mistakes exclude each other."""
        network = with_mistakes(self.network, self.network, mistakes)
        head = with_mistakes(HEAD, self.network, mistakes)
        if network is None or head is None:
            return None
        d = self.data()
        out: dict[str, Any] = {}
        p = {k: np.array(d[k]) for k in ("U", "W", "b", "bh", "V", "c")}
        if self.network != "gru":  # elsewhere two biases add up
            p["b"] = p["b"] + p["bh"]
        if self.network == "lstm":
            p["b"][H : 2 * H] += self.forget_bias
        if self.kind == "loss":
            p["y"] = np.eye(K)[d["targets"]]

        def above(h: dict[int, Any]) -> Any:
            if self.kind == "loss":
                return head(p, h, d["targets"], d["ids"], out)
            if self.kind == "step":
                return np.zeros((1, self.lanes, H)), d["d_last"], d["d_c_last"]
            return d["d_out"], np.zeros_like(d["h0"]), np.zeros_like(d["h0"])

        with np.errstate(all="ignore"):
            found: dict[str, Any] = network(p, np.array(d["x"]), np.array(d["h0"]), np.array(d["c0"]), above)
        found = {"bh": found["b"]} | found | out
        found |= {k: found[k] + np.zeros_like(d[k]) for k in ("h0", "c0") if k in found}  # a mistake may make it 0
        found["last"] = found["h"][-1]
        if "cells" in found:
            found["last_c"] = found["cells"][-1]
        return found


@lru_cache(64)
def _data(case: Case) -> dict[str, Any]:
    rng = np.random.default_rng(8)
    T, B, G = case.steps, case.lanes, len(GATES[case.network])
    p = {
        "U": rng.normal(0, 0.6, (K, G * H)), "W": rng.normal(0, 0.7, (H, G * H)), "b": rng.normal(0, 0.5, G * H),
        "bh": rng.normal(0, 0.5, G * H),
        "V": rng.normal(0, 0.5, (H, K)), "c": rng.normal(0, 0.5, K),
    }  # fmt: skip
    for name in case.zero:
        p[name] = np.zeros_like(p[name])
    ids = rng.integers(0, K, (T + 1, B))
    ids[0, 1:2] = ids[0, 0]  # and one that two lanes read in the same step
    if T > 3:
        ids[2], ids[4 % (T + 1)] = ids[0], (ids[0] + 1) % K  # a character that occurs again
    x = np.eye(K)[ids[:-1]] if case.kind == "loss" else rng.normal(0, 0.8, (T, B, K))
    if case.blank_first:
        x[0] = 0
    h0, c0 = rng.normal(0, 0.5, (2, B, H)) * np.reshape([case.state_given, case.memory_given], (2, 1, 1))
    d_out, (d_last, d_c_last) = rng.normal(0, 1, (T, B, H)), rng.normal(0, 1, (2, B, H))
    scale = {NORMAL: 1.0, LARGE: 25.0, OVERFLOW: 3e3}[case.numbers]
    p["V"] = p["V"] * scale
    d_out, d_last, d_c_last = (scale * d for d in (d_out, d_last, d_c_last))
    return {**p, "ids": ids[:-1], "targets": ids[1:], "x": x, "h0": h0, "c0": c0, "d_out": d_out, "d_last": d_last,
            "d_c_last": d_c_last}  # fmt: skip
