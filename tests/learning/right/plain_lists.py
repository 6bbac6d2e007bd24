"""A list of parameters, flat vectors, single numbers in Python lists; a sum in float32."""

import numpy as np


def backprop(p, x, y, h_prev):
    U, W, V, b, c = p
    hs, ps, loss = [np.float32(h_prev)], [], 0.0
    for i, j in zip(x, y):
        hs.append(np.tanh(U[:, i] + W @ hs[-1] + b).astype(np.float32))
        o = V @ hs[-1] + c
        e = np.exp(o - max(o))
        ps.append(e / sum(e))
        loss -= np.log(ps[-1][j] + 1e-12)
    dU, dW, dV, db, dc = [np.zeros_like(a) for a in p]
    dh_next = np.zeros_like(h_prev)
    for t in range(len(x))[::-1]:
        do = [q - (k == y[t]) for k, q in enumerate(ps[t])]
        dV += np.outer(do, hs[t + 1])
        dc += do
        da = (V.T @ do + dh_next) * (1 - hs[t + 1] * hs[t + 1])
        dU[:, x[t]] += da
        dW += np.outer(da, hs[t])
        db += da
        dh_next = W.T @ da
    return [dU, dW, dV, db, dc], loss
