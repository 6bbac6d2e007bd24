"""A list of arrays, a list of one-hot vectors, gradients in a named tuple, and the last state beside them."""

from collections import namedtuple

import numpy as np

Grads = namedtuple("Grads", "Wxh Whh Why bh by")


def loss_and_gradients(params, xs, ys, h0):
    Wxh, Whh, Why, bh, by = params
    states = [h0]
    outs = []
    for x in xs:
        states.append(np.tanh(Wxh.dot(x) + Whh.dot(states[-1]) + bh))
        z = Why.dot(states[-1]) + by
        outs.append(np.exp(z - z.max()) / np.exp(z - z.max()).sum())
    loss = np.mean([-np.log(o[y]) for o, y in zip(outs, ys)])
    n = len(xs)
    g = Grads(*[np.zeros_like(p) for p in params])
    dnext = np.zeros_like(h0)
    for t in range(n - 1, -1, -1):
        dz = outs[t].copy()
        dz[ys[t]] -= 1
        dz = dz / n
        g.Why[:] += np.outer(dz, states[t + 1])
        g.by[:] += dz
        da = (Why.T.dot(dz) + dnext) * (1 - states[t + 1] ** 2)
        g.Wxh[:] += np.outer(da, xs[t])
        g.Whh[:] += np.outer(da, states[t])
        g.bh[:] += da
        dnext = Whh.T.dot(da)
    return loss, g, states[-1]
