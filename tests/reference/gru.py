"""The GRU with its reset gate after the product, step by step."""

from __future__ import annotations

import numpy as np

from tests.reference.lstm import sigmoid


def gru(p, x, state):
    (h,), outputs = state, []
    for x_t in x:
        x_r, x_z, x_n = np.split(x_t @ p["weight_ih"].T + p["bias_ih"], 3, axis=1)
        y_r, y_z, y_n = np.split(h @ p["weight_hh"].T + p["bias_hh"], 3, axis=1)
        r, z = sigmoid(x_r + y_r), sigmoid(x_z + y_z)
        h = (1 - z) * np.tanh(x_n + r * y_n) + z * h
        outputs.append(h)
    return np.array(outputs), np.array([h])
