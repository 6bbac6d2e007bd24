import numpy as np


def softmax(z):
    z = z - z.max()
    return np.exp(z) / np.exp(z).sum()


class RecurrentNet:
    """Without biases: a loop over the steps, and one back from each; no loss is returned."""

    def __init__(self, word_dim, hidden_dim=100, bptt_truncate=1000):
        self.word_dim, self.hidden_dim, self.bptt_truncate = word_dim, hidden_dim, bptt_truncate
        self.U = np.random.uniform(-0.1, 0.1, (hidden_dim, word_dim))
        self.V = np.random.uniform(-0.1, 0.1, (word_dim, hidden_dim))
        self.W = np.random.uniform(-0.1, 0.1, (hidden_dim, hidden_dim))

    def forward_propagation(self, x):
        T = len(x)
        s = np.zeros((T + 1, self.hidden_dim))
        o = np.zeros((T, self.word_dim))
        for t in range(T):
            s[t] = np.tanh(self.U[:, x[t]] + self.W.dot(s[t - 1]))
            o[t] = softmax(self.V.dot(s[t]))
        return o, s

    def bptt(self, x, y):
        T = len(y)
        o, s = self.forward_propagation(x)
        dLdU, dLdV, dLdW = np.zeros(self.U.shape), np.zeros(self.V.shape), np.zeros(self.W.shape)
        delta_o = o.copy()
        delta_o[np.arange(T), y] -= 1.0
        for t in range(T)[::-1]:
            dLdV += np.outer(delta_o[t], s[t])
            delta = self.V.T.dot(delta_o[t]) * (1 - s[t] ** 2)
            for step in range(t, max(-1, t - self.bptt_truncate - 1), -1):
                dLdW += np.outer(delta, s[step - 1])
                dLdU[:, x[step]] += delta
                delta = self.W.T.dot(delta) * (1 - s[step - 1] ** 2)
        return [dLdU, dLdV, dLdW]
