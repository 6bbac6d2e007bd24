"""Forward and backward pass with a cache in a dictionary; columns, ids, a mean."""

import numpy as np


def forward(params, inputs, targets, h0):
    cache = {"h": [h0], "p": [], "x": inputs, "y": targets}
    loss = 0
    for x, y in zip(inputs, targets):
        h = np.tanh(params["W_xh"][:, x : x + 1] + params["W_hh"] @ cache["h"][-1] + params["b_h"])
        o = params["W_hy"] @ h + params["b_y"]
        o = o - np.max(o)
        p = np.exp(o) / np.sum(np.exp(o))
        loss += -np.log(p[y, 0])
        cache["h"].append(h)
        cache["p"].append(p)
    return loss / len(inputs), cache


def backward(params, cache):
    g = {k: np.zeros_like(v) for k, v in params.items()}
    n = len(cache["x"])
    dh_next = np.zeros_like(cache["h"][0])
    for t in range(n - 1, -1, -1):
        do = cache["p"][t].copy()
        do[cache["y"][t]] -= 1
        do /= n
        g["W_hy"] += do @ cache["h"][t + 1].T
        g["b_y"] += do
        dh = params["W_hy"].T @ do + dh_next
        da = dh * (1 - cache["h"][t + 1] ** 2)
        g["W_xh"][:, cache["x"][t]] += da[:, 0]
        g["W_hh"] += da @ cache["h"][t].T
        g["b_h"] += da
        dh_next = params["W_hh"].T @ da
    return g
