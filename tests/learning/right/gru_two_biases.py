"""GRU as cuDNN has it: reset after the product, two biases; rows; batch first; class."""

import numpy as np


class GRU:
    def __init__(self, vocab_size, hidden_size, seed=1):
        r = np.random.default_rng(seed)
        s = hidden_size**-0.5
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.Wx = r.uniform(-s, s, (vocab_size, 3 * hidden_size))
        self.Wh = r.uniform(-s, s, (hidden_size, 3 * hidden_size))
        self.bx = r.uniform(-s, s, 3 * hidden_size)
        self.bh = r.uniform(-s, s, 3 * hidden_size)
        self.Why = r.uniform(-s, s, (hidden_size, vocab_size))
        self.by = np.zeros(vocab_size)

    def loss_and_grads(self, x, y, h):
        B, T = x.shape
        H = self.hidden_size
        steps = []
        loss = 0.0
        for t in range(T):
            gx = self.Wx[x[:, t]] + self.bx
            gh = h @ self.Wh + self.bh
            r = 1 / (1 + np.exp(-(gx[:, :H] + gh[:, :H])))
            z = 1 / (1 + np.exp(-(gx[:, H : 2 * H] + gh[:, H : 2 * H])))
            n = np.tanh(gx[:, 2 * H :] + r * gh[:, 2 * H :])
            new = (1 - z) * n + z * h
            logits = new @ self.Why + self.by
            logits -= logits.max(1, keepdims=True)
            p = np.exp(logits)
            p /= p.sum(1, keepdims=True)
            loss -= np.log(p[np.arange(B), y[:, t]]).sum()
            steps.append((h, r, z, n, gh[:, 2 * H :], new, p))
            h = new
        g = {k: np.zeros_like(getattr(self, k)) for k in ("Wx", "Wh", "bx", "bh", "Why", "by")}
        dh = np.zeros((B, H))
        for t in range(T - 1, -1, -1):
            hp, r, z, n, ghn, new, p = steps[t]
            dl = p.copy()
            dl[np.arange(B), y[:, t]] -= 1
            dl /= B * T
            g["Why"] += new.T @ dl
            g["by"] += dl.sum(0)
            dh = dh + dl @ self.Why.T
            dn = dh * (1 - z) * (1 - n * n)
            dz = dh * (hp - n) * z * (1 - z)
            dr = dn * ghn * r * (1 - r)
            dgx = np.hstack([dr, dz, dn])
            dgh = np.hstack([dr, dz, dn * r])
            np.add.at(g["Wx"], x[:, t], dgx)
            g["bx"] += dgx.sum(0)
            g["Wh"] += hp.T @ dgh
            g["bh"] += dgh.sum(0)
            dh = dh * z + dgh @ self.Wh.T
        return loss / (B * T), g
