"""An object with attributes; X and Y one-hot; everything in one function; gradients in an object too."""

import numpy as np


class RNN:
    def __init__(self, K, m):
        self.b, self.c = np.zeros((m, 1)), np.zeros((K, 1))
        self.U, self.W, self.V = np.random.randn(m, K), np.random.randn(m, m), np.random.randn(K, m)


class Grads:
    pass


def ComputeGradients(X, Y, rnn, h_prev):
    tau = X.shape[1]
    h, p, loss = [h_prev], [], 0.0
    for t in range(tau):
        h.append(np.tanh(rnn.W @ h[-1] + rnn.U @ X[:, t : t + 1] + rnn.b))
        o = rnn.V @ h[-1] + rnn.c
        p.append(np.exp(o) / np.sum(np.exp(o)))
        loss -= np.log((Y[:, t : t + 1].T @ p[-1]).item())
    g = Grads()
    g.V, g.c = np.zeros_like(rnn.V), np.zeros_like(rnn.c)
    g.U, g.W, g.b = np.zeros_like(rnn.U), np.zeros_like(rnn.W), np.zeros_like(rnn.b)
    grad_a = np.zeros_like(h_prev)
    for t in range(tau - 1, -1, -1):
        grad_o = -(Y[:, t : t + 1] - p[t])
        grad_h = rnn.V.T @ grad_o + rnn.W.T @ grad_a
        grad_a = grad_h * (1 - h[t + 1] ** 2)
        g.V += grad_o @ h[t + 1].T
        g.c += grad_o
        g.W += grad_a @ h[t].T
        g.U += grad_a @ X[:, t : t + 1].T
        g.b += grad_a
    return g, loss
