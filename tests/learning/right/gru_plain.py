"""A GRU language model in rows: one pair of matrices for each gate, reset before the product; bits; z takes the new."""

import numpy as np


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def gru_loss_and_gradients(xs, ys, params, h0):
    q = params
    h, saved, loss = h0, [], 0.0
    for x, y in zip(xs, ys):
        r = sigmoid(q["Wxr"][x] + h @ q["Whr"] + q["br"])
        z = sigmoid(q["Wxz"][x] + h @ q["Whz"] + q["bz"])
        n = np.tanh(q["Wxh"][x] + (r * h) @ q["Whh"] + q["bh"])
        new = (1 - z) * h + z * n
        o = new @ q["Why"] + q["by"]
        p = np.exp(o - o.max())
        p /= p.sum()
        loss += -np.log2(p.ravel()[y])
        saved.append((x, y, h, r, z, n, new, p))
        h = new
    g = {k: np.zeros_like(v) for k, v in q.items()}
    dh = np.zeros_like(h)
    for x, y, prev, r, z, n, new, p in reversed(saved):
        d = p.copy()
        d.ravel()[y] -= 1
        g["Why"] += np.outer(new, d)
        g["by"] += d
        dh = dh + d @ q["Why"].T
        dn = dh * z * (1 - n**2)
        dz = dh * (n - prev) * z * (1 - z)
        drh = dn @ q["Whh"].T
        dr = drh * prev * r * (1 - r)
        for k, da, left in (("r", dr, prev), ("z", dz, prev), ("h", dn, r * prev)):
            g["Wx" + k][x] += da.ravel()
            g["Wh" + k] += np.outer(left, da)
            g["b" + k] += da
        dh = dh * (1 - z) + drh * r + dr @ q["Whr"].T + dz @ q["Whz"].T
    return loss, g
