import numpy as np


class LSTMNet:
    """gates o, i, f, g; time first; batch; gradients kept in self.grads"""

    def __init__(self, vocab_size, hidden_size):
        k = hidden_size
        rng = np.random.default_rng(0)
        self.hidden_size = k
        self.params = {
            "Wx": rng.normal(size=(vocab_size, 4 * k)),
            "Wh": rng.normal(size=(k, 4 * k)),
            "b": np.zeros(4 * k),
            "Wy": rng.normal(size=(k, vocab_size)),
            "by": np.zeros(vocab_size),
        }
        self.grads = {n: np.zeros_like(v) for n, v in self.params.items()}

    def zero_grad(self):
        for n in self.grads:
            self.grads[n] = np.zeros_like(self.params[n])

    def loss_and_backward(self, x, y, h, c):
        self.zero_grad()
        p, g_ = self.params, self.grads
        T, B = x.shape
        k = self.hidden_size
        store = []
        loss = 0
        for t in range(T):
            a = p["Wx"][x[t]] + h @ p["Wh"] + p["b"]
            o, i, f = [1 / (1 + np.exp(-a[:, j * k : (j + 1) * k])) for j in range(3)]
            g = np.tanh(a[:, 3 * k :])
            c_prev, h_prev = c, h
            c = f * c_prev + i * g
            tc = np.tanh(c)
            h = o * tc
            s = h @ p["Wy"] + p["by"]
            s -= s.max(1, keepdims=True)
            q = np.exp(s)
            q /= q.sum(1, keepdims=True)
            loss -= np.log(q[np.arange(B), y[t]]).mean()
            store.append((h_prev, c_prev, o, i, f, g, tc, h, q))
        dh_next = np.zeros_like(h)
        dc_next = np.zeros_like(c)
        for t in range(T - 1, -1, -1):
            h_prev, c_prev, o, i, f, g, tc, h, q = store[t]
            ds = q.copy()
            ds[np.arange(B), y[t]] -= 1
            ds /= B
            g_["Wy"] += h.T @ ds
            g_["by"] += ds.sum(0)
            dh = ds @ p["Wy"].T + dh_next
            dc = dh * o * (1 - tc**2) + dc_next
            da = np.hstack(
                [dh * tc * o * (1 - o), dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2)]
            )
            np.add.at(g_["Wx"], x[t], da)
            g_["Wh"] += h_prev.T @ da
            g_["b"] += da.sum(0)
            dh_next = da @ p["Wh"].T
            dc_next = dc * f
        return loss
