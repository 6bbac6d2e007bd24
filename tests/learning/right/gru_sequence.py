"""A GRU over a sequence (N, T, D) in rows, with the reset gate before the product."""

import numpy as np


def gru_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    prev = h0
    cache = []
    for t in range(T):
        ax = x[:, t] @ Wx + b
        r = 1 / (1 + np.exp(-(ax[:, :H] + prev @ Wh[:, :H])))
        z = 1 / (1 + np.exp(-(ax[:, H : 2 * H] + prev @ Wh[:, H : 2 * H])))
        n = np.tanh(ax[:, 2 * H :] + (r * prev) @ Wh[:, 2 * H :])
        new = z * prev + (1 - z) * n
        cache.append((x[:, t], prev, r, z, n, Wx, Wh))
        prev = new
        h[:, t] = new
    return h, cache


def gru_backward(dh, cache):
    N, T, H = dh.shape
    x, prev, r, z, n, Wx, Wh = cache[0]
    dx = np.zeros((N, T, x.shape[1]))
    dWx = np.zeros_like(Wx)
    dWh = np.zeros_like(Wh)
    db = np.zeros(3 * H)
    dprev = np.zeros((N, H))
    for t in reversed(range(T)):
        x, prev, r, z, n, Wx, Wh = cache[t]
        d = dh[:, t] + dprev
        dn = d * (1 - z) * (1 - n**2)
        dz = d * (prev - n) * z * (1 - z)
        drp = dn @ Wh[:, 2 * H :].T
        dr = drp * prev * r * (1 - r)
        da = np.hstack([dr, dz, dn])
        dx[:, t] = da @ Wx.T
        dWx += x.T @ da
        db += da.sum(0)
        dWh[:, :H] += prev.T @ dr
        dWh[:, H : 2 * H] += prev.T @ dz
        dWh[:, 2 * H :] += (r * prev).T @ dn
        dprev = d * z + drp * r + dr @ Wh[:, :H].T + dz @ Wh[:, H : 2 * H].T
    return dx, dprev, dWx, dWh, db
