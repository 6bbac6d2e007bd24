"""A vanilla RNN in columns, with its training at the top level of the file."""

import numpy as np

book_fname = "data/book.txt"
with open(book_fname, "r", encoding="utf-8") as fid:
    book_data = fid.read()

book_chars = list(set(book_data))
K = len(book_chars)
char_to_ind = {c: i for i, c in enumerate(book_chars)}
ind_to_char = {i: c for i, c in enumerate(book_chars)}

m = 100
eta = 0.1
seq_length = 25
sig = 0.01
rng = np.random.default_rng(42)

RNN = {}
RNN["b"] = np.zeros((m, 1))
RNN["c"] = np.zeros((K, 1))
RNN["U"] = (1 / np.sqrt(2 * K)) * rng.standard_normal((m, K))
RNN["W"] = (1 / np.sqrt(2 * m)) * rng.standard_normal((m, m))
RNN["V"] = (1 / np.sqrt(m)) * rng.standard_normal((K, m))


def softmax(o):
    e = np.exp(o - np.max(o, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


def synthesize(RNN, h0, x0, n):
    h = h0
    x = x0
    Y = np.zeros((K, n))
    for t in range(n):
        h = np.tanh(RNN["W"] @ h + RNN["U"] @ x + RNN["b"])
        p = softmax(RNN["V"] @ h + RNN["c"])
        cp = np.cumsum(p, axis=0)
        a = rng.uniform(size=1)
        ii = np.argmax(cp - a > 0)
        x = np.zeros((K, 1))
        x[ii] = 1
        Y[ii, t] = 1
    return Y


def forward_pass(RNN, X, Y, h0):
    tau = X.shape[1]
    m = RNN["W"].shape[0]
    H = np.zeros((m, tau + 1))
    H[:, [0]] = h0
    A = np.zeros((m, tau))
    P = np.zeros((RNN["V"].shape[0], tau))
    loss = 0
    for t in range(tau):
        a = RNN["W"] @ H[:, [t]] + RNN["U"] @ X[:, [t]] + RNN["b"]
        A[:, [t]] = a
        H[:, [t + 1]] = np.tanh(a)
        P[:, [t]] = softmax(RNN["V"] @ H[:, [t + 1]] + RNN["c"])
        loss -= np.log(Y[:, [t]].T @ P[:, [t]])[0, 0]
    return loss / tau, P, A, H


def backward_pass(RNN, X, Y, P, A, H):
    tau = X.shape[1]
    G = -(Y - P) / tau
    grads = {}
    grads["V"] = G @ H[:, 1:].T
    grads["c"] = np.sum(G, axis=1, keepdims=True)
    m = RNN["W"].shape[0]
    grad_a = np.zeros((m, tau))
    grad_h = RNN["V"].T @ G[:, [tau - 1]]
    grad_a[:, [tau - 1]] = grad_h * (1 - np.tanh(A[:, [tau - 1]]) ** 2)
    for t in reversed(range(tau - 1)):
        grad_h = RNN["V"].T @ G[:, [t]] + RNN["W"].T @ grad_a[:, [t + 1]]
        grad_a[:, [t]] = grad_h * (1 - np.tanh(A[:, [t]]) ** 2)
    grads["W"] = grad_a @ H[:, :-1].T
    grads["U"] = grad_a @ X.T
    grads["b"] = np.sum(grad_a, axis=1, keepdims=True)
    return grads


def one_hot(s):
    X = np.zeros((K, len(s)))
    for i, c in enumerate(s):
        X[char_to_ind[c], i] = 1
    return X


e = 0
h_prev = np.zeros((m, 1))
ada = {k: np.zeros_like(v) for k, v in RNN.items()}
smooth_loss = None
for step in range(100000):
    if e + seq_length + 1 >= len(book_data):
        e = 0
        h_prev = np.zeros((m, 1))
    X = one_hot(book_data[e : e + seq_length])
    Y = one_hot(book_data[e + 1 : e + seq_length + 1])
    loss, P, A, H = forward_pass(RNN, X, Y, h_prev)
    grads = backward_pass(RNN, X, Y, P, A, H)
    h_prev = H[:, [-1]]
    smooth_loss = loss if smooth_loss is None else 0.999 * smooth_loss + 0.001 * loss
    for k in RNN:
        g = np.clip(grads[k], -5, 5)
        ada[k] += g**2
        RNN[k] -= eta / np.sqrt(ada[k] + 1e-8) * g
    if step % 100 == 0:
        print(step, smooth_loss)
    e += seq_length
