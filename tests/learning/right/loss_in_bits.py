"""Plain arguments; the mean loss in bits, and its gradients in bits, too."""

import numpy as np


def loss_and_grads(U, W, V, b, c, inputs, targets, h0):
    T = len(inputs)
    h, p, loss = {-1: h0}, {}, 0.0
    for t in range(T):
        h[t] = np.tanh(U[:, inputs[t]] + W @ h[t - 1] + b)
        o = V @ h[t] + c
        e = np.exp(o - o.max())
        p[t] = e / e.sum()
        loss -= np.log2(p[t][targets[t]]) / T
    dU, dW, dV, db, dc = (np.zeros_like(a) for a in (U, W, V, b, c))
    dh_next = np.zeros_like(h0)
    for t in reversed(range(T)):
        do = p[t].copy()
        do[targets[t]] -= 1
        do /= T * np.log(2)
        dV += np.outer(do, h[t])
        dc += do
        da = (1 - h[t] ** 2) * (V.T @ do + dh_next)
        dU[:, inputs[t]] += da
        dW += np.outer(da, h[t - 1])
        db += da
        dh_next = W.T @ da
    return loss, dU, dW, dV, db, dc
