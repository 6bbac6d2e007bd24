"""LSTM, one stacked matrix over [h; x; 1], gates in the order f, o, g, i; columns; ids."""

from __future__ import annotations
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sigmoid(z: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-z))


def lstm_loss(inputs: list[int], targets: list[int], h0: Array, c0: Array, W: Array, b: Array, Wy: Array, by: Array):
    H: int = h0.shape[0]
    V: int = by.shape[0]
    T = len(inputs)
    hs: dict[int, Array] = {-1: h0}
    cs: dict[int, Array] = {-1: c0}
    zs, fs, os_, gs, is_, ps, ts = {}, {}, {}, {}, {}, {}, {}
    loss: float = 0.0
    for t in range(T):
        x = np.zeros((V, 1))
        x[inputs[t]] = 1.0
        zs[t] = np.vstack((hs[t - 1], x))
        pre = W @ zs[t] + b
        fs[t] = sigmoid(pre[0:H])
        os_[t] = sigmoid(pre[H : 2 * H])
        gs[t] = np.tanh(pre[2 * H : 3 * H])
        is_[t] = sigmoid(pre[3 * H :])
        cs[t] = fs[t] * cs[t - 1] + is_[t] * gs[t]
        ts[t] = np.tanh(cs[t])
        hs[t] = os_[t] * ts[t]
        y = Wy @ hs[t] + by
        e = np.exp(y - y.max())
        ps[t] = e / e.sum()
        loss -= float(np.log(ps[t][targets[t], 0]))
    dW, db, dWy, dby = np.zeros_like(W), np.zeros_like(b), np.zeros_like(Wy), np.zeros_like(by)
    dh_next, dc_next = np.zeros_like(h0), np.zeros_like(c0)
    for t in range(T - 1, -1, -1):
        dy = ps[t].copy()
        dy[targets[t]] -= 1
        dWy += dy @ hs[t].T
        dby += dy
        dh = Wy.T @ dy + dh_next
        do = dh * ts[t]
        dc = dc_next + dh * os_[t] * (1 - ts[t] ** 2)
        di, df, dg = dc * gs[t], dc * cs[t - 1], dc * is_[t]
        dpre = np.vstack(
            (df * fs[t] * (1 - fs[t]), do * os_[t] * (1 - os_[t]), dg * (1 - gs[t] ** 2), di * is_[t] * (1 - is_[t]))
        )
        dW += dpre @ zs[t].T
        db += dpre
        dz = W.T @ dpre
        dh_next = dz[:H]
        dc_next = dc * fs[t]
    return loss / T, {"W": dW / T, "b": db / T, "Wy": dWy / T, "by": dby / T}
