"""GRU, reset before the product (Cho); columns; separate matrices."""

import numpy as np

sig = lambda v: 1 / (1 + np.exp(-v))


def gru(inputs, targets, h0, Wz, Uz, bz, Wr, Ur, br, Wh, Uh, bh, Wy, by):
    xs, zs, rs, hb, hs, ps = {}, {}, {}, {}, {}, {}
    hs[-1] = np.copy(h0)
    loss = 0
    V = Wy.shape[0]
    for t in range(len(inputs)):
        xs[t] = np.zeros((V, 1))
        xs[t][inputs[t]] = 1
        zs[t] = sig(Wz @ xs[t] + Uz @ hs[t - 1] + bz)
        rs[t] = sig(Wr @ xs[t] + Ur @ hs[t - 1] + br)
        hb[t] = np.tanh(Wh @ xs[t] + Uh @ (rs[t] * hs[t - 1]) + bh)
        hs[t] = zs[t] * hs[t - 1] + (1 - zs[t]) * hb[t]
        y = Wy @ hs[t] + by
        ps[t] = np.exp(y) / np.exp(y).sum()
        loss += -np.log(ps[t][targets[t]]).item()
    dWz, dUz, dbz = np.zeros_like(Wz), np.zeros_like(Uz), np.zeros_like(bz)
    dWr, dUr, dbr = np.zeros_like(Wr), np.zeros_like(Ur), np.zeros_like(br)
    dWh, dUh, dbh = np.zeros_like(Wh), np.zeros_like(Uh), np.zeros_like(bh)
    dWy, dby = np.zeros_like(Wy), np.zeros_like(by)
    dhn = np.zeros_like(h0)
    for t in reversed(range(len(inputs))):
        dy = ps[t].copy()
        dy[targets[t]] -= 1
        dWy += dy @ hs[t].T
        dby += dy
        dh = Wy.T @ dy + dhn
        dhb = dh * (1 - zs[t]) * (1 - hb[t] ** 2)
        dz = dh * (hs[t - 1] - hb[t]) * zs[t] * (1 - zs[t])
        drh = Uh.T @ dhb
        dr = drh * hs[t - 1] * rs[t] * (1 - rs[t])
        dWh += dhb @ xs[t].T
        dUh += dhb @ (rs[t] * hs[t - 1]).T
        dbh += dhb
        dWz += dz @ xs[t].T
        dUz += dz @ hs[t - 1].T
        dbz += dz
        dWr += dr @ xs[t].T
        dUr += dr @ hs[t - 1].T
        dbr += dr
        dhn = dh * zs[t] + drh * rs[t] + Uz.T @ dz + Ur.T @ dr
    return (
        loss,
        dict(Wz=dWz, Uz=dUz, bz=dbz, Wr=dWr, Ur=dUr, br=dbr, Wh=dWh, Uh=dUh, bh=dbh, Wy=dWy, by=dby),
        hs[len(inputs) - 1],
    )
