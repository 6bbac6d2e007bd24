"""LSTM class, forward keeps a cache in self, backward fills self.grads; four matrices per gate on [h, x]."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class CharLSTM:
    def __init__(self, vocab_size, hidden_size=32):
        z = vocab_size + hidden_size
        r = np.random.RandomState(0)
        self.V, self.H = vocab_size, hidden_size
        self.Wf = r.randn(hidden_size, z) * 0.1
        self.bf = np.ones((hidden_size, 1))
        self.Wi = r.randn(hidden_size, z) * 0.1
        self.bi = np.zeros((hidden_size, 1))
        self.Wc = r.randn(hidden_size, z) * 0.1
        self.bc = np.zeros((hidden_size, 1))
        self.Wo = r.randn(hidden_size, z) * 0.1
        self.bo = np.zeros((hidden_size, 1))
        self.Wy = r.randn(vocab_size, hidden_size) * 0.1
        self.by = np.zeros((vocab_size, 1))

    def forward(self, inputs, h_prev, c_prev):
        self.cache = []
        self.probs = []
        h, c = h_prev, c_prev
        for ix in inputs:
            x = np.zeros((self.V, 1))
            x[ix] = 1
            z = np.concatenate([h, x])
            f = sigmoid(self.Wf @ z + self.bf)
            i = sigmoid(self.Wi @ z + self.bi)
            g = np.tanh(self.Wc @ z + self.bc)
            o = sigmoid(self.Wo @ z + self.bo)
            cp = c
            c = f * c + i * g
            h = o * np.tanh(c)
            y = self.Wy @ h + self.by
            p = np.exp(y - np.max(y))
            p = p / p.sum()
            self.probs.append(p)
            self.cache.append((z, f, i, g, o, cp, c, h))
        return self.probs, h, c

    def backward(self, targets):
        self.grads = {
            n: np.zeros_like(getattr(self, n)) for n in ["Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo", "Wy", "by"]
        }
        G = self.grads
        loss = 0
        dh_next = np.zeros((self.H, 1))
        dc_next = np.zeros((self.H, 1))
        for t in range(len(targets) - 1, -1, -1):
            z, f, i, g, o, cp, c, h = self.cache[t]
            p = self.probs[t]
            loss += -np.log(p[targets[t], 0])
            dy = p.copy()
            dy[targets[t]] -= 1
            G["Wy"] += dy @ h.T
            G["by"] += dy
            dh = self.Wy.T @ dy + dh_next
            tc = np.tanh(c)
            do = dh * tc * o * (1 - o)
            dc = dh * o * (1 - tc**2) + dc_next
            df = dc * cp * f * (1 - f)
            di = dc * g * i * (1 - i)
            dg = dc * i * (1 - g**2)
            G["Wf"] += df @ z.T
            G["bf"] += df
            G["Wi"] += di @ z.T
            G["bi"] += di
            G["Wc"] += dg @ z.T
            G["bc"] += dg
            G["Wo"] += do @ z.T
            G["bo"] += do
            dz = self.Wf.T @ df + self.Wi.T @ di + self.Wc.T @ dg + self.Wo.T @ do
            dh_next = dz[: self.H]
            dc_next = dc * f
        return loss, self.grads
