"""Rows, ids (T, B), products over the whole window at once, a mean, repeated ids by np.add.at."""

import numpy as np


def loss_and_grads(params, inputs, targets, h0):
    Wx, Wh, b, Wy, by = (params[k] for k in ("Wx", "Wh", "b", "Wy", "by"))
    T, B = inputs.shape
    h = np.empty((T + 1, *h0.shape))
    h[0] = h0
    for t in range(T):
        h[t + 1] = np.tanh(Wx[inputs[t]] + h[t] @ Wh + b)
    logits = h[1:] @ Wy + by
    logits -= logits.max(axis=-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    d_o = np.exp(log_p)
    rows, cols = np.indices((T, B))
    loss = -log_p[rows, cols, targets].mean()
    d_o[rows, cols, targets] -= 1
    d_o /= T * B
    grads = {"Wy": np.einsum("tbh,tbv->hv", h[1:], d_o), "by": d_o.sum(axis=(0, 1))}
    d_h, d_a, d_next = d_o @ Wy.T, np.empty_like(h[1:]), 0
    for t in range(T - 1, -1, -1):
        d_a[t] = (d_h[t] + d_next) * (1 - h[t + 1] ** 2)
        d_next = d_a[t] @ Wh.T
    grads["Wh"] = np.einsum("tbi,tbj->ij", h[:-1], d_a)
    grads["Wx"] = np.zeros_like(Wx)
    np.add.at(grads["Wx"], inputs, d_a)
    grads["b"] = d_a.sum(axis=(0, 1))
    return loss, grads, h[-1]
