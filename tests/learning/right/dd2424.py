"""A dictionary RNN with U, W, V, b, c; one-hot columns X and Y (K, n); forward and backward pass apart; a mean."""

import numpy as np


def softmax(s):
    e = np.exp(s - np.max(s, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


def ForwardPass(RNN, X, Y, h0):
    n, m = X.shape[1], RNN["W"].shape[0]
    H, A = np.zeros((m, n + 1)), np.zeros((m, n))
    P = np.zeros_like(X)
    H[:, [0]] = h0
    for t in range(n):
        A[:, [t]] = RNN["W"] @ H[:, [t]] + RNN["U"] @ X[:, [t]] + RNN["b"]
        H[:, [t + 1]] = np.tanh(A[:, [t]])
        P[:, [t]] = softmax(RNN["V"] @ H[:, [t + 1]] + RNN["c"])
    loss = -np.sum(Y * np.log(P)) / n
    return loss, A, H, P


def BackwardPass(RNN, X, Y, A, H, P):
    n = X.shape[1]
    G = (P - Y) / n
    grads = {}
    grads["V"] = G @ H[:, 1:].T
    grads["c"] = G.sum(axis=1, keepdims=True)
    dA = np.zeros_like(A)
    dh = RNN["V"].T @ G[:, [n - 1]]
    dA[:, [n - 1]] = dh * (1 - np.tanh(A[:, [n - 1]]) ** 2)
    for t in range(n - 2, -1, -1):
        dh = RNN["V"].T @ G[:, [t]] + RNN["W"].T @ dA[:, [t + 1]]
        dA[:, [t]] = dh * (1 - np.tanh(A[:, [t]]) ** 2)
    grads["W"] = dA @ H[:, :-1].T
    grads["U"] = dA @ X.T
    grads["b"] = dA.sum(axis=1, keepdims=True)
    return grads
