"""Ids (B, T), matrices as columns and states as rows; every array an argument; a sum over time, a mean over lanes."""

import numpy as np


def softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


def compute_loss_and_gradients(X, Y, h_init, W_hx, W_hh, W_yh, b_h, b_y):
    N, T = X.shape
    V = W_hx.shape[1]
    H = W_hh.shape[0]
    hs = np.zeros((N, T, H))
    prev = h_init
    for t in range(T):
        prev = np.tanh(W_hx.T[X[:, t]] + prev @ W_hh.T + b_h)
        hs[:, t] = prev
    P = softmax(hs @ W_yh.T + b_y)
    loss = -np.log(P[np.arange(N)[:, None], np.arange(T)[None], Y]).sum(1).mean()
    D = P.copy()
    D[np.arange(N)[:, None], np.arange(T)[None], Y] -= 1
    D /= N
    gW_yh = np.einsum("ntv,nth->vh", D, hs)
    gb_y = D.sum((0, 1))
    gW_hx, gW_hh, gb_h = np.zeros_like(W_hx), np.zeros_like(W_hh), np.zeros_like(b_h)
    back = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        back = (D[:, t] @ W_yh + back) * (1 - hs[:, t] ** 2)
        p = hs[:, t - 1] if t > 0 else h_init
        gW_hh += back.T @ p
        gb_h += back.sum(0)
        for n in range(N):
            gW_hx[:, X[n, t]] += back[n]
        back = back @ W_hh
    return loss, {"W_hx": gW_hx, "W_hh": gW_hh, "W_yh": gW_yh, "b_h": gb_h, "b_y": gb_y}
