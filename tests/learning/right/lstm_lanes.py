"""An LSTM on lanes, one-hot (T, B, V); each gate has W for inputs and U for the state; a sum over time."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_bptt(inputs, targets, h_prev, c_prev, params):
    T, B, V = inputs.shape
    Wf, Uf, bf = params["Wf"], params["Uf"], params["bf"]
    Wi, Ui, bi = params["Wi"], params["Ui"], params["bi"]
    Wg, Ug, bg = params["Wg"], params["Ug"], params["bg"]
    Wo, Uo, bo = params["Wo"], params["Uo"], params["bo"]
    Why, by = params["Why"], params["by"]
    hs, cs, st = {-1: h_prev}, {-1: c_prev}, {}
    loss = 0.0
    for t in range(T):
        x = inputs[t]
        f = sigmoid(x @ Wf + hs[t - 1] @ Uf + bf)
        i = sigmoid(x @ Wi + hs[t - 1] @ Ui + bi)
        g = np.tanh(x @ Wg + hs[t - 1] @ Ug + bg)
        o = sigmoid(x @ Wo + hs[t - 1] @ Uo + bo)
        cs[t] = f * cs[t - 1] + i * g
        hs[t] = o * np.tanh(cs[t])
        z = hs[t] @ Why + by
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        loss -= np.log(p[np.arange(B), targets[t]]).sum() / B
        st[t] = f, i, g, o, p
    grads = {k: np.zeros_like(v) for k, v in params.items()}
    dh_n = np.zeros_like(h_prev)
    dc_n = np.zeros_like(c_prev)
    for t in range(T)[::-1]:
        f, i, g, o, p = st[t]
        dz = p.copy()
        dz[np.arange(B), targets[t]] -= 1
        dz /= B
        grads["Why"] += hs[t].T @ dz
        grads["by"] += dz.sum(0)
        dh = dz @ Why.T + dh_n
        dc = dc_n + dh * o * (1 - np.tanh(cs[t]) ** 2)
        d = {
            "f": dc * cs[t - 1] * f * (1 - f),
            "i": dc * g * i * (1 - i),
            "g": dc * i * (1 - g * g),
            "o": dh * np.tanh(cs[t]) * o * (1 - o),
        }
        dh_n = 0
        for k, v in d.items():
            grads["W" + k] += inputs[t].T @ v
            grads["U" + k] += hs[t - 1].T @ v
            grads["b" + k] += v.sum(0)
            dh_n = dh_n + v @ params["U" + k].T
        dc_n = dc * f
    return loss, grads
