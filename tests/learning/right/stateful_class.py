import numpy as np


class CharRNN(object):
    def __init__(self, vocab_size, hidden_size=64, lr=1e-1):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.lr = lr
        self.Wxh = np.random.randn(hidden_size, vocab_size) * 0.01
        self.Whh = np.random.randn(hidden_size, hidden_size) * 0.01
        self.Why = np.random.randn(vocab_size, hidden_size) * 0.01
        self.bh = np.zeros((hidden_size, 1))
        self.by = np.zeros((vocab_size, 1))

    def forward(self, inputs, hprev):
        self.xs, self.hs, self.ps = {}, {}, {}
        self.hs[-1] = np.copy(hprev)
        for t in range(len(inputs)):
            self.xs[t] = np.zeros((self.vocab_size, 1))
            self.xs[t][inputs[t]] = 1
            self.hs[t] = np.tanh(np.dot(self.Wxh, self.xs[t]) + np.dot(self.Whh, self.hs[t - 1]) + self.bh)
            y = np.dot(self.Why, self.hs[t]) + self.by
            self.ps[t] = np.exp(y) / np.sum(np.exp(y))
        return self.hs[len(inputs) - 1]

    def loss(self, targets):
        return sum(-np.log(self.ps[t][targets[t], 0]) for t in range(len(targets)))

    def backward(self, targets):
        dWxh, dWhh, dWhy = np.zeros_like(self.Wxh), np.zeros_like(self.Whh), np.zeros_like(self.Why)
        dbh, dby = np.zeros_like(self.bh), np.zeros_like(self.by)
        dhnext = np.zeros_like(self.hs[0])
        for t in reversed(range(len(targets))):
            dy = np.copy(self.ps[t])
            dy[targets[t]] -= 1
            dWhy += np.dot(dy, self.hs[t].T)
            dby += dy
            dh = np.dot(self.Why.T, dy) + dhnext
            dhraw = (1 - self.hs[t] * self.hs[t]) * dh
            dbh += dhraw
            dWxh += np.dot(dhraw, self.xs[t].T)
            dWhh += np.dot(dhraw, self.hs[t - 1].T)
            dhnext = np.dot(self.Whh.T, dhraw)
        for dparam in [dWxh, dWhh, dWhy, dbh, dby]:
            np.clip(dparam, -5, 5, out=dparam)
        return dWxh, dWhh, dWhy, dbh, dby
