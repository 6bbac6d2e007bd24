import numpy as np

sigmoid = lambda a: 1 / (1 + np.exp(-a))


def gru_bptt(p, ids, targets, h):
    """joined [x, h] rows, one lane, gates u (update), r, candidate c; h = u c + (1 - u) h"""
    V = p["by"].shape[0]
    n = h.shape[0]
    mem, loss = [], 0
    for i, target in zip(ids, targets):
        x = np.eye(V)[i]
        z1 = np.concatenate([x, h])
        u = sigmoid(z1 @ p["Wu"] + p["bu"])
        r = sigmoid(z1 @ p["Wr"] + p["br"])
        z2 = np.concatenate([x, r * h])
        c = np.tanh(z2 @ p["Wc"] + p["bc"])
        h_new = u * c + (1 - u) * h
        s = h_new @ p["Wy"] + p["by"]
        q = np.exp(s - s.max())
        q /= q.sum()
        loss -= np.log(q[target])
        mem.append((z1, z2, u, r, c, h, h_new, q, target))
        h = h_new
    d = {k: np.zeros_like(v) for k, v in p.items()}
    dh = np.zeros(n)
    for z1, z2, u, r, c, h_old, h_new, q, target in mem[::-1]:
        ds = q.copy()
        ds[target] -= 1
        d["Wy"] += np.outer(h_new, ds)
        d["by"] += ds
        dh = dh + p["Wy"] @ ds
        dc = dh * u * (1 - c * c)
        du = dh * (c - h_old) * u * (1 - u)
        dz2 = p["Wc"] @ dc
        dr = dz2[V:] * h_old * r * (1 - r)
        dz1 = p["Wu"] @ du + p["Wr"] @ dr
        d["Wc"] += np.outer(z2, dc)
        d["bc"] += dc
        d["Wu"] += np.outer(z1, du)
        d["bu"] += du
        d["Wr"] += np.outer(z1, dr)
        d["br"] += dr
        dh = dh * (1 - u) + dz2[V:] * r + dz1[V:]
    return loss, d
