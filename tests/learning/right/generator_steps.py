"""RNN with a generator of steps; rows; time first (T, B)."""

import numpy as np


def steps(xs, h, W_xh, W_hh, b_h):
    for x in xs:
        prev = h
        h = np.tanh(W_xh[x] + h @ W_hh + b_h)
        yield x, prev, h


def loss_and_gradients(params, inputs, targets, h0):
    W_xh, W_hh, b_h, W_hy, b_y = (params[k] for k in ("W_xh", "W_hh", "b_h", "W_hy", "b_y"))
    T, B = inputs.shape
    trace = list(steps(inputs, h0, W_xh, W_hh, b_h))
    hs = np.stack([h for _, _, h in trace])
    logits = hs @ W_hy + b_y
    m = logits.max(-1, keepdims=True)
    logp = logits - m - np.log(np.exp(logits - m).sum(-1, keepdims=True))
    loss = -np.take_along_axis(logp, targets[..., None], -1).mean()
    dlogits = np.exp(logp)
    tt, bb = np.indices((T, B))
    dlogits[tt, bb, targets] -= 1
    dlogits /= T * B
    grads = {k: np.zeros_like(v) for k, v in params.items()}
    grads["W_hy"] = np.einsum("tbh,tbv->hv", hs, dlogits)
    grads["b_y"] = dlogits.sum((0, 1))
    dhs = dlogits @ W_hy.T
    dnext = 0
    for (x, prev, h), dh in zip(reversed(trace), dhs[::-1]):
        da = (dh + dnext) * (1 - h**2)
        np.add.at(grads["W_xh"], x, da)
        grads["W_hh"] += prev.T @ da
        grads["b_h"] += da.sum(0)
        dnext = da @ W_hh.T
    return loss, grads
