"""The LSTM with coupled gates, step by step."""

from __future__ import annotations

import numpy as np

from tests.reference.lstm import sigmoid


def cifg(p, x, state):
    (h, c), outputs = state, []
    for x_t in x:
        f, g, o = np.split(x_t @ p["weight_ih"].T + h @ p["weight_hh"].T + p["bias_ih"], 3, axis=1)
        c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), np.array([h, c])
