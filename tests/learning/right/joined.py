import numpy as np


def train_step(W, b, Wout, bout, x, y, h):
    """x, y: (batch, time); W: (vocab + hidden, hidden)."""
    N, T = x.shape
    vocab = Wout.shape[1]
    hidden = Wout.shape[0]
    inp, hid, prb = [], [h.astype(np.float32)], []
    loss = np.float32(0)
    for t in range(T):
        onehot = np.zeros((N, vocab), dtype=np.float32)
        onehot[np.arange(N), x[:, t]] = 1
        inp.append(np.hstack((onehot, hid[t])))
        hid.append(np.tanh(inp[t] @ W.astype(np.float32) + b.astype(np.float32)))
        z = hid[t + 1] @ Wout.astype(np.float32) + bout.astype(np.float32)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        loss += -np.log(p[np.arange(N), y[:, t]] + 1e-8).sum()
        prb.append(p)
    dW, db = np.zeros_like(W, dtype=np.float32), np.zeros_like(b, dtype=np.float32)
    dWout, dbout = np.zeros_like(Wout, dtype=np.float32), np.zeros_like(bout, dtype=np.float32)
    dh = np.zeros((N, hidden), dtype=np.float32)
    for t in reversed(range(T)):
        dz = prb[t]
        dz[np.arange(N), y[:, t]] -= 1
        dWout += hid[t + 1].T @ dz
        dbout += dz.sum(axis=0)
        dh = dh + dz @ Wout.T
        da = dh * (1 - hid[t + 1] ** 2)
        dW += inp[t].T @ da
        db += da.sum(axis=0)
        dh = (da @ W.T)[:, vocab:]
    return loss / (N * T), dW / (N * T), db / (N * T), dWout / (N * T), dbout / (N * T), hid[-1]
