"""Every array an argument; rows; the loss returns a cache, and another function the gradients."""

import numpy as np


def rnn_loss(x, y, Wxh, Whh, Why, bh, by, h0=None):
    T = len(x)
    H = Whh.shape[0]
    h = np.zeros((T + 1, H))
    if h0 is not None:
        h[0] = h0
    for t in range(T):
        h[t + 1] = np.tanh(Wxh[x[t]] + h[t] @ Whh + bh)
    s = h[1:] @ Why + by
    s -= s.max(1, keepdims=True)
    p = np.exp(s)
    p /= p.sum(1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(T), y]))
    return loss, (x, y, h, p)


def rnn_grads(cache, Wxh, Whh, Why, bh, by):
    x, y, h, p = cache
    T = len(x)
    d = p.copy()
    d[np.arange(T), y] -= 1
    d /= T
    dWhy = h[1:].T @ d
    dby = d.sum(0)
    dWxh = np.zeros_like(Wxh)
    dWhh = np.zeros_like(Whh)
    dbh = np.zeros_like(bh)
    carry = np.zeros_like(bh)
    for t in range(T - 1, -1, -1):
        carry = (d[t] @ Why.T + carry) * (1 - h[t + 1] ** 2)
        dWxh[x[t]] += carry
        dWhh += np.outer(h[t], carry)
        dbh += carry
        carry = carry @ Whh.T
    return dict(Wxh=dWxh, Whh=dWhh, Why=dWhy, bh=dbh, by=dby)
