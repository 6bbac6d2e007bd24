"""The vanilla RNN: a layer, and a whole language model, one character and one lane at a time, with its gradients."""

from __future__ import annotations

import numpy as np


def rnn(p, x, state):
    U, W, b = p["weight_ih"], p["weight_hh"], p["bias_ih"]
    (h,), outputs = state, []
    for x_t in x:
        h = np.tanh(x_t @ U.T + h @ W.T + b)
        outputs.append(h)
    return np.array(outputs), np.array([h])


def loss_and_grads(U, W, b, V, c, inputs, targets, h0):
    """inputs, targets (T, B), h0 (B, H). Returns the mean loss, the gradients, the final and initial-state gradient."""
    T, B = inputs.shape
    grads = {name: np.zeros_like(a) for name, a in {"U": U, "W": W, "b": b, "V": V, "c": c}.items()}
    loss, final, d_h0 = 0.0, np.zeros_like(h0), np.zeros_like(h0)
    for lane in range(B):
        h, p, x = {-1: h0[lane]}, {}, {}
        for t in range(T):
            x[t] = np.zeros(U.shape[1])
            x[t][inputs[t, lane]] = 1.0
            h[t] = np.tanh(U @ x[t] + W @ h[t - 1] + b)
            o = V @ h[t] + c
            p[t] = np.exp(o) / np.exp(o).sum()
            loss -= np.log(p[t][targets[t, lane]]) / (T * B)
        final[lane] = h[T - 1]
        d_h_next = np.zeros_like(b)
        for t in reversed(range(T)):
            d_o = p[t].copy()
            d_o[targets[t, lane]] -= 1.0
            d_o /= T * B
            grads["V"] += np.outer(d_o, h[t])
            grads["c"] += d_o
            d_a = (V.T @ d_o + d_h_next) * (1.0 - h[t] ** 2)
            grads["U"] += np.outer(d_a, x[t])
            grads["W"] += np.outer(d_a, h[t - 1])
            grads["b"] += d_a
            d_h_next = W.T @ d_a
        d_h0[lane] = d_h_next
    return loss, grads, final, d_h0
