import numpy as np


class RNN:
    def __init__(self, K, m=100):
        self.U = np.random.randn(m, K)
        self.W = np.random.randn(m, m)
        self.V = np.random.randn(K, m)
        self.b = np.zeros((m, 1))
        self.c = np.zeros((K, 1))


def SoftMax(S):
    E = np.exp(S - np.max(S, axis=0))
    return E / np.sum(E, axis=0)


def ForwardPass(rnn, X, Y, h0):
    n = X.shape[1]
    A = np.zeros((rnn.W.shape[0], n))
    H = np.zeros((rnn.W.shape[0], n + 1))
    H[:, 0] = h0[:, 0]
    for t in range(n):
        A[:, t] = rnn.W @ H[:, t] + rnn.U @ X[:, t] + rnn.b[:, 0]
        H[:, t + 1] = np.tanh(A[:, t])
    P = SoftMax(rnn.V @ H[:, 1:] + rnn.c)
    loss = -np.sum(np.log(np.sum(Y * P, axis=0)))
    return loss, P, H, A


def ComputeGradients(rnn, X, Y, h0):
    loss, P, H, A = ForwardPass(rnn, X, Y, h0)
    n = X.shape[1]
    G = P - Y
    grads = RNN(X.shape[0], rnn.W.shape[0])
    grads.V = G @ H[:, 1:].T
    grads.c = G.sum(axis=1, keepdims=True)
    dH = rnn.V.T @ G
    dA = np.zeros_like(A)
    dA[:, n - 1] = dH[:, n - 1] * (1 - H[:, n] ** 2)
    for t in range(n - 2, -1, -1):
        dA[:, t] = (dH[:, t] + rnn.W.T @ dA[:, t + 1]) * (1 - H[:, t + 1] ** 2)
    grads.W = dA @ H[:, :n].T
    grads.U = dA @ X.T
    grads.b = dA.sum(axis=1, keepdims=True)
    return grads, loss, H[:, n:]
