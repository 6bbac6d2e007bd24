"""The minimal gated recurrent unit, step by step."""

from __future__ import annotations

import numpy as np

from tests.reference.lstm import sigmoid


def mingru(p, x, state):
    (h,), outputs = state, []
    for x_t in x:
        z, n = np.split(x_t @ p["weight_ih"].T + p["bias_ih"], 2, axis=1)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * n
        outputs.append(h)
    return np.array(outputs), np.array([h])
