import numpy as np


def sigm(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


class GRU:
    """Batches of ids, time first; float32."""

    def __init__(self, vocab, hidden):
        r = np.random.RandomState(0)
        mk = lambda *s: (r.randn(*s) / np.sqrt(s[0])).astype("float32")
        self.params = dict(
            Wxr=mk(vocab, hidden),
            Whr=mk(hidden, hidden),
            br=np.zeros(hidden, "float32"),
            Wxz=mk(vocab, hidden),
            Whz=mk(hidden, hidden),
            bz=np.zeros(hidden, "float32"),
            Wxn=mk(vocab, hidden),
            Whn=mk(hidden, hidden),
            bn=np.zeros(hidden, "float32"),
            Why=mk(hidden, vocab),
            by=np.zeros(vocab, "float32"),
        )

    def loss_and_grads(self, x, y, h):
        p = {k: v.astype("float32") for k, v in self.params.items()}
        T, B = x.shape
        h = h.astype("float32")
        store, loss = [], 0.0
        for t in range(T):
            r = sigm(p["Wxr"][x[t]] + h @ p["Whr"] + p["br"])
            z = sigm(p["Wxz"][x[t]] + h @ p["Whz"] + p["bz"])
            n = np.tanh(p["Wxn"][x[t]] + (r * h) @ p["Whn"] + p["bn"])
            new = z * h + (1 - z) * n
            o = new @ p["Why"] + p["by"]
            o = o - o.max(1, keepdims=True)
            q = np.exp(o)
            q /= q.sum(1, keepdims=True)
            loss -= np.log(q[range(B), y[t]]).mean()
            store.append((h, r, z, n, new, q))
            h = new
        g = {k: np.zeros_like(v) for k, v in p.items()}
        dh = np.zeros_like(h)
        while store:
            hp, r, z, n, new, q = store.pop()
            t = len(store)
            do = q.copy()
            do[range(B), y[t]] -= 1
            do /= B
            g["Why"] += new.T @ do
            g["by"] += do.sum(0)
            dh = dh + do @ p["Why"].T
            dn = dh * (1 - z) * (1 - n * n)
            dz = dh * (hp - n) * z * (1 - z)
            drh = dn @ p["Whn"].T
            dr = drh * hp * r * (1 - r)
            for k, d, inp in (("r", dr, hp), ("z", dz, hp), ("n", dn, r * hp)):
                np.add.at(g["Wx" + k], x[t], d)
                g["Wh" + k] += inp.T @ d
                g["b" + k] += d.sum(0)
            dh = dh * z + drh * r + dr @ p["Whr"].T + dz @ p["Whz"].T
        return loss / T, {k: v / T for k, v in g.items()}, h
