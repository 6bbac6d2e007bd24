"""Solution of 4, back-propagation through time."""

import numpy as np


def loss_and_grads(params, inputs, targets, h0):
    Wx, Wh, b, Wy, by = (params[name] for name in ("Wx", "Wh", "b", "Wy", "by"))
    T, B = inputs.shape
    h = np.empty((T + 1, *h0.shape))
    h[0] = h0
    for t in range(T):
        h[t + 1] = np.tanh(Wx[inputs[t]] + h[t] @ Wh + b)
    logits = h[1:] @ Wy + by
    logits -= logits.max(axis=-1, keepdims=True)
    probs = np.exp(logits)
    probs /= probs.sum(axis=-1, keepdims=True)
    step, lane = np.indices((T, B))
    loss = -np.log(probs[step, lane, targets]).mean()

    d_o = probs.copy()
    d_o[step, lane, targets] -= 1
    d_o /= T * B
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    d_next = np.zeros_like(h0)
    for t in reversed(range(T)):
        grads["Wy"] += h[t + 1].T @ d_o[t]
        grads["by"] += d_o[t].sum(axis=0)
        d_h = d_o[t] @ Wy.T + d_next
        d_a = d_h * (1 - h[t + 1] ** 2)
        grads["Wh"] += h[t].T @ d_a
        np.add.at(grads["Wx"], inputs[t], d_a)
        grads["b"] += d_a.sum(axis=0)
        d_next = d_a @ Wh.T
    return loss, grads, h[-1]
