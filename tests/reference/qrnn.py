"""The quasi-recurrent layer on its residual stream, step by step. The lowest one has an embedding."""

from __future__ import annotations

import numpy as np

from tests.reference.lstm import sigmoid


def qrnn(p, x, state):
    (c, u_before), outputs = state, []
    for x_t in x @ p["embedding"].T if "embedding" in p else x:
        u = x_t / np.sqrt((x_t**2).mean(axis=1, keepdims=True) + 1e-6) * p["norm"]
        z, f, o = np.split(np.concatenate([u_before, u], axis=1) @ p["weight"].T + p["bias"], 3, axis=1)
        c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(z)
        u_before = u
        outputs.append(x_t + sigmoid(o) * c)
    return np.array(outputs), np.array([c, u_before])
