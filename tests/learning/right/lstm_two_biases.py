"""LSTM in PyTorch's layout with two biases (weight_ih etc.), ids, (T, B)."""

import numpy as np


def lstm_lm(p, x, y, h, c):
    T, B = x.shape
    H = h.shape[1]
    tape = []
    loss = 0.0
    for t in range(T):
        a = p["weight_ih"][:, x[t]].T + h @ p["weight_hh"].T + p["bias_ih"] + p["bias_hh"]
        i, f, g, o = np.split(a, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f, o))
        g = np.tanh(g)
        c_new = f * c + i * g
        tc = np.tanh(c_new)
        h_new = o * tc
        s = h_new @ p["weight_out"].T + p["bias_out"]
        s = s - s.max(1, keepdims=True)
        q = np.exp(s) / np.exp(s).sum(1, keepdims=True)
        loss -= np.log(q[range(B), y[t]]).sum()
        tape.append((h, c, i, f, g, o, tc, h_new, q))
        h, c = h_new, c_new
    g_ = {k: np.zeros_like(v) for k, v in p.items()}
    dh = np.zeros_like(h)
    dc = np.zeros_like(c)
    n = T * B
    for t in reversed(range(T)):
        hp, cp, i, f, g, o, tc, hn, q = tape[t]
        ds = q.copy()
        ds[range(B), y[t]] -= 1
        ds /= n
        g_["weight_out"] += ds.T @ hn
        g_["bias_out"] += ds.sum(0)
        dh = dh + ds @ p["weight_out"]
        dc = dc + dh * o * (1 - tc * tc)
        da = np.concatenate(
            [dc * g * i * (1 - i), dc * cp * f * (1 - f), dc * i * (1 - g * g), dh * tc * o * (1 - o)], 1
        )
        np.add.at(g_["weight_ih"].T, x[t], da)
        g_["weight_hh"] += da.T @ hp
        g_["bias_ih"] += da.sum(0)
        g_["bias_hh"] += da.sum(0)
        dh = da @ p["weight_hh"]
        dc = dc * f
    return loss / n, g_
