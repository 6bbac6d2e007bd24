"""The LSTM, step by step."""

from __future__ import annotations

import numpy as np


def lstm(p, x, state):
    U, W, b = p["weight_ih"], p["weight_hh"], p["bias_ih"]
    (h, c), outputs = state, []
    for x_t in x:
        i, f, g, o = np.split(x_t @ U.T + h @ W.T + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), np.array([h, c])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))
