import numpy as np


def bptt(U, W, V, bias_h, bias_o, X, Y, h_0):
    """X, Y: one-hot (T, B, K). The loss is in bits: summed over time, averaged over the batch. Gradients of nats."""
    T, B, K = X.shape
    H = [h_0]
    P = []
    for t in range(T):
        H.append(np.tanh(X[t].dot(U) + H[-1].dot(W) + bias_h))
        S = H[-1].dot(V) + bias_o
        S = np.exp(S - S.max(axis=1)[:, np.newaxis])
        P.append(S / S.sum(axis=1)[:, np.newaxis])
    P = np.array(P)
    loss = -(Y * np.log(P)).sum() / B
    dS = (P - Y) / B
    dV = sum(H[t + 1].T.dot(dS[t]) for t in range(T))
    dbias_o = dS.sum(axis=0).sum(axis=0)
    dU, dW, dbias_h = np.zeros(U.shape), np.zeros(W.shape), np.zeros(bias_h.shape)
    delta = np.zeros_like(h_0)
    t = T
    while t > 0:
        delta = (dS[t - 1].dot(V.T) + delta.dot(W.T)) * (1 - H[t] ** 2)
        dU = dU + X[t - 1].T.dot(delta)
        dW = dW + H[t - 1].T.dot(delta)
        dbias_h = dbias_h + delta.sum(0)
        t -= 1
    return loss, (dU, dW, dV, dbias_h, dbias_o)
