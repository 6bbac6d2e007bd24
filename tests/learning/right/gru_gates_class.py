import numpy as np


class GRU:
    def __init__(self, n_in, n_hid):
        r = lambda *s: np.random.randn(*s) * 0.1
        self.n_in, self.n_hid = n_in, n_hid
        self.Wxr, self.Whr, self.br = r(n_hid, n_in), r(n_hid, n_hid), r(n_hid, 1)
        self.Wxz, self.Whz, self.bz = r(n_hid, n_in), r(n_hid, n_hid), r(n_hid, 1)
        self.Wxn, self.Whn, self.bn = r(n_hid, n_in), r(n_hid, n_hid), r(n_hid, 1)
        self.Why, self.by = r(n_in, n_hid), r(n_in, 1)

    @staticmethod
    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    def forward(self, inputs, h0):
        h = h0
        self.steps = []
        for ix in inputs:
            x = np.zeros((self.n_in, 1))
            x[ix] = 1
            hp = h
            r = GRU.sigmoid(self.Wxr @ x + self.Whr @ hp + self.br)
            z = GRU.sigmoid(self.Wxz @ x + self.Whz @ hp + self.bz)
            n = np.tanh(self.Wxn @ x + r * (self.Whn @ hp) + self.bn)
            h = (1 - z) * n + z * hp
            y = self.Why @ h + self.by
            p = np.exp(y - y.max())
            p /= p.sum()
            self.steps.append((x, hp, r, z, n, h, p))
        return [s[-1] for s in self.steps], h

    def loss_and_gradients(self, inputs, targets, h0):
        ps, h_last = self.forward(inputs, h0)
        loss = -sum(np.log(p[t, 0]) for p, t in zip(ps, targets))
        names = ["Wxr", "Whr", "br", "Wxz", "Whz", "bz", "Wxn", "Whn", "bn", "Why", "by"]
        G = {k: np.zeros_like(getattr(self, k)) for k in names}
        dhn = np.zeros_like(h0)
        for (x, hp, r, z, n, h, p), target in zip(self.steps[::-1], list(targets)[::-1]):
            dy = p.copy()
            dy[target] -= 1
            G["Why"] += dy @ h.T
            G["by"] += dy
            dh = self.Why.T @ dy + dhn
            dn = dh * (1 - z) * (1 - n**2)
            dz = dh * (hp - n) * z * (1 - z)
            dr = dn * (self.Whn @ hp) * r * (1 - r)
            G["Wxn"] += dn @ x.T
            G["Whn"] += (dn * r) @ hp.T
            G["bn"] += dn
            G["Wxz"] += dz @ x.T
            G["Whz"] += dz @ hp.T
            G["bz"] += dz
            G["Wxr"] += dr @ x.T
            G["Whr"] += dr @ hp.T
            G["br"] += dr
            dhn = dh * z + self.Whn.T @ (dn * r) + self.Whz.T @ dz + self.Whr.T @ dr
        return loss, G, h_last
