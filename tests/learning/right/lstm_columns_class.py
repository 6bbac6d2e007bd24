import numpy as np


class Lstm:
    """columns (H, B); W on x and R on h; gates z (candidate), i, f, o stacked; inputs a list of one-hot (V, B)"""

    def __init__(self, n_vocab, n_hidden):
        self.n_hidden = n_hidden
        self.n_vocab = n_vocab
        self.W_x = np.random.randn(4 * n_hidden, n_vocab)
        self.W_h = np.random.randn(4 * n_hidden, n_hidden)
        self.b = np.zeros((4 * n_hidden, 1))
        self.W_y = np.random.randn(n_vocab, n_hidden)
        self.b_y = np.zeros((n_vocab, 1))

    @staticmethod
    def sig(v):
        return 0.5 * (1 + np.tanh(0.5 * v))

    def gradients(self, xs, ys, h0, c0):
        n = self.n_hidden
        hs, cs, gates, ps = {-1: h0}, {-1: c0}, {}, {}
        total = 0.0
        B = h0.shape[1]
        for t in range(len(xs)):
            a = self.W_x @ xs[t] + self.W_h @ hs[t - 1] + self.b
            z, i, f, o = np.tanh(a[:n]), self.sig(a[n : 2 * n]), self.sig(a[2 * n : 3 * n]), self.sig(a[3 * n :])
            cs[t] = z * i + cs[t - 1] * f
            hs[t] = np.tanh(cs[t]) * o
            gates[t] = z, i, f, o
            u = self.W_y @ hs[t] + self.b_y
            u -= u.max(axis=0, keepdims=True)
            ps[t] = np.exp(u) / np.exp(u).sum(axis=0, keepdims=True)
            total -= np.sum(ys[t] * np.log(ps[t])) / B
        g = {k: np.zeros_like(getattr(self, k)) for k in ("W_x", "W_h", "b", "W_y", "b_y")}
        dh, dc = np.zeros_like(h0), np.zeros_like(c0)
        for t in reversed(range(len(xs))):
            z, i, f, o = gates[t]
            du = (ps[t] - ys[t]) / B
            g["W_y"] += du @ hs[t].T
            g["b_y"] += du.sum(1, keepdims=True)
            dh = dh + self.W_y.T @ du
            th = np.tanh(cs[t])
            dc = dc + dh * o * (1 - th * th)
            da = np.vstack(
                [dc * i * (1 - z * z), dc * z * i * (1 - i), dc * cs[t - 1] * f * (1 - f), dh * th * o * (1 - o)]
            )
            g["W_x"] += da @ xs[t].T
            g["W_h"] += da @ hs[t - 1].T
            g["b"] += da.sum(1, keepdims=True)
            dh = self.W_h.T @ da
            dc = dc * f
        return total, g
