import numpy as np


# states (H, B), a list of one-hot (V, B)
def fwd_bwd(xs, ys, h0, P):
    hs, ps, L = {-1: h0}, [], 0.0
    B = h0.shape[1]
    for t, x in enumerate(xs):
        hs[t] = np.tanh(P["Wxh"] @ x + P["Whh"] @ hs[t - 1] + P["bh"])
        z = P["Why"] @ hs[t] + P["by"]
        z = z - z.max(axis=0)
        e = np.exp(z)
        ps.append(e / e.sum(axis=0))
        L -= (ys[t] * np.log(ps[t])).sum() / B
    G = {k: np.zeros_like(v) for k, v in P.items()}
    dn = np.zeros_like(h0)
    for t in range(len(xs) - 1, -1, -1):
        dy = (ps[t] - ys[t]) / B
        G["Why"] += dy @ hs[t].T
        G["by"] += dy.sum(axis=1, keepdims=True)
        dh = P["Why"].T @ dy + dn
        dz = dh * (1 - hs[t] ** 2)
        G["Wxh"] += dz @ xs[t].T
        G["Whh"] += dz @ hs[t - 1].T
        G["bh"] += dz.sum(axis=1, keepdims=True)
        dn = P["Whh"].T @ dz
    return L, G
