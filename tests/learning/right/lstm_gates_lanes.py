import numpy as np


def S(a):
    return 1 / (1 + np.exp(-a))


def lstm_loss_grad(X, Y, h0, c0, Wxi, Wxf, Wxo, Wxg, Whi, Whf, Who, Whg, bi, bf, bo, bg, Why, by):
    T, B = X.shape
    hs, cs, gs, ps = {-1: h0}, {-1: c0}, {}, {}
    loss = 0.0
    for t in range(T):
        x, h = X[t], hs[t - 1]
        i = S(Wxi[x] + h @ Whi + bi)
        f = S(Wxf[x] + h @ Whf + bf)
        o = S(Wxo[x] + h @ Who + bo)
        g = np.tanh(Wxg[x] + h @ Whg + bg)
        cs[t] = f * cs[t - 1] + i * g
        hs[t] = o * np.tanh(cs[t])
        gs[t] = i, f, o, g
        s = hs[t] @ Why + by
        e = np.exp(s - s.max(1)[:, None])
        ps[t] = e / e.sum(1)[:, None]
        loss += -np.log(ps[t][np.arange(B), Y[t]]).sum()
    dWxi, dWxf, dWxo, dWxg = [np.zeros_like(w) for w in (Wxi, Wxf, Wxo, Wxg)]
    dWhi, dWhf, dWho, dWhg = [np.zeros_like(w) for w in (Whi, Whf, Who, Whg)]
    dbi, dbf, dbo, dbg = [np.zeros_like(w) for w in (bi, bf, bo, bg)]
    dWhy, dby = np.zeros_like(Why), np.zeros_like(by)
    dhn, dcn = np.zeros_like(h0), np.zeros_like(c0)
    for t in range(T - 1, -1, -1):
        i, f, o, g = gs[t]
        ds = ps[t].copy()
        ds[np.arange(B), Y[t]] -= 1
        dWhy += hs[t].T @ ds
        dby += ds.sum(0)
        dh = ds @ Why.T + dhn
        tc = np.tanh(cs[t])
        dc = dcn + dh * o * (1 - tc**2)
        di, df, do, dg = dc * g * i * (1 - i), dc * cs[t - 1] * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g**2)
        np.add.at(dWxi, X[t], di)
        np.add.at(dWxf, X[t], df)
        np.add.at(dWxo, X[t], do)
        np.add.at(dWxg, X[t], dg)
        dWhi += hs[t - 1].T @ di
        dWhf += hs[t - 1].T @ df
        dWho += hs[t - 1].T @ do
        dWhg += hs[t - 1].T @ dg
        dbi += di.sum(0)
        dbf += df.sum(0)
        dbo += do.sum(0)
        dbg += dg.sum(0)
        dhn = di @ Whi.T + df @ Whf.T + do @ Who.T + dg @ Whg.T
        dcn = dc * f
    n = T * B
    return loss / n, {
        "Wxi": dWxi / n,
        "Wxf": dWxf / n,
        "Wxo": dWxo / n,
        "Wxg": dWxg / n,
        "Whi": dWhi / n,
        "Whf": dWhf / n,
        "Who": dWho / n,
        "Whg": dWhg / n,
        "bi": dbi / n,
        "bf": dbf / n,
        "bo": dbo / n,
        "bg": dbg / n,
        "Why": dWhy / n,
        "by": dby / n,
    }
