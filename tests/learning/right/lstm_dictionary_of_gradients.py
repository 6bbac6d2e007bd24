"""LSTM whose gates are named in a dictionary as it goes back, and whose gradients are returned from one"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_loss(inputs, targets, hprev, cprev, Wf, Wi, Wc, Wo, Wy, bf, bi, bc, bo, by):
    H = hprev.shape[0]
    V = by.shape[0]
    cache = []
    h, c = hprev, cprev
    loss = 0
    for ix, tx in zip(inputs, targets):
        x = np.zeros((V, 1))
        x[ix] = 1
        zc = np.vstack((h, x))
        f = sigmoid(Wf @ zc + bf)
        i = sigmoid(Wi @ zc + bi)
        g = np.tanh(Wc @ zc + bc)
        o = sigmoid(Wo @ zc + bo)
        c_old = c
        c = f * c + i * g
        tc = np.tanh(c)
        h = o * tc
        y = Wy @ h + by
        p = np.exp(y - y.max())
        p /= p.sum()
        loss -= np.log(p[tx, 0])
        cache.append((zc, f, i, g, o, c_old, tc, h, p, tx))
    d = {
        k: np.zeros_like(v)
        for k, v in dict(Wf=Wf, Wi=Wi, Wc=Wc, Wo=Wo, Wy=Wy, bf=bf, bi=bi, bc=bc, bo=bo, by=by).items()
    }
    dh_next = np.zeros_like(hprev)
    dc_next = np.zeros_like(cprev)
    for zc, f, i, g, o, c_old, tc, hh, p, tx in cache[::-1]:
        dy = p.copy()
        dy[tx] -= 1
        d["Wy"] += dy @ hh.T
        d["by"] += dy
        dh = Wy.T @ dy + dh_next
        do = dh * tc * o * (1 - o)
        dc = dh * o * (1 - tc * tc) + dc_next
        df = dc * c_old * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g * g)
        dz = np.zeros_like(zc)
        for n, (W, b, da) in dict(f=(Wf, bf, df), i=(Wi, bi, di), c=(Wc, bc, dg), o=(Wo, bo, do)).items():
            d["W" + n] += da @ zc.T
            d["b" + n] += da
            dz += W.T @ da
        dh_next = dz[:H]
        dc_next = dc * f
    return loss, d["Wf"], d["Wi"], d["Wc"], d["Wo"], d["Wy"], d["bf"], d["bi"], d["bc"], d["bo"], d["by"], h, c
