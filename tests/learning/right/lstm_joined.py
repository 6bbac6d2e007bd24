"""An LSTM language model in columns: a single matrix over [x; h], gates f, i, g, o; one-hot rows; a mean."""

import numpy as np


def sigma(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def lstm_loss_and_grads(X, Y, params, h0, c0):
    W, b, Wy, by = params["W"], params["b"], params["Wy"], params["by"]
    m, T = h0.shape[0], len(X)
    h, c, tape, loss = h0, c0, [], 0.0
    for t in range(T):
        v = np.vstack([X[t].reshape(-1, 1), h])
        f, i, g, o = np.split(W @ v + b, 4)
        f, i, g, o = sigma(f), sigma(i), np.tanh(g), sigma(o)
        c_new = f * c + i * g
        h = o * np.tanh(c_new)
        s = Wy @ h + by
        p = np.exp(s - s.max()) / np.exp(s - s.max()).sum()
        loss += -np.log(p[Y[t].argmax(), 0]) / T
        tape.append((v, f, i, g, o, c, c_new, h, p))
        c = c_new
    dW, db, dWy, dby = (np.zeros_like(a) for a in (W, b, Wy, by))
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(T)):
        v, f, i, g, o, c_old, c_new, h_t, p = tape[t]
        ds = (p - Y[t].reshape(-1, 1)) / T
        dWy += ds @ h_t.T
        dby += ds
        dh = dh + Wy.T @ ds
        th = np.tanh(c_new)
        dc = dc + dh * o * (1 - th**2)
        gates = [dc * c_old * f * (1 - f), dc * g * i * (1 - i), dc * i * (1 - g**2), dh * th * o * (1 - o)]
        da = np.vstack(gates)
        dW += da @ v.T
        db += da
        dh = (W.T @ da)[-m:]
        dc = dc * f
    return loss, {"W": dW, "b": db, "Wy": dWy, "by": dby}, h, c
