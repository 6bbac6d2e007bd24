import numpy as np


def logistic(a):
    return 1.0 / (1.0 + np.exp(-a))


def gru_forward_backward(tokens, labels, state, kernel, recurrent_kernel, bias, W_out, b_out):
    """kernel (K, 3H), recurrent_kernel (H, 3H): z, r, candidate; rows; lanes (B, T); reset before the product"""
    B, T = tokens.shape
    H = state.shape[1]
    trail = []
    nll = 0.0
    s = state
    for t in range(T):
        xa = kernel[tokens[:, t]] + bias
        z = logistic(xa[:, :H] + s @ recurrent_kernel[:, :H])
        r = logistic(xa[:, H : 2 * H] + s @ recurrent_kernel[:, H : 2 * H])
        c = np.tanh(xa[:, 2 * H :] + (r * s) @ recurrent_kernel[:, 2 * H :])
        new = z * s + (1 - z) * c
        o = new @ W_out + b_out
        o = o - o.max(1, keepdims=True)
        q = np.exp(o) / np.exp(o).sum(1, keepdims=True)
        nll -= np.log(q[np.arange(B), labels[:, t]]).sum()
        trail.append((s, z, r, c, new, q))
        s = new
    gk, gr, gb = np.zeros_like(kernel), np.zeros_like(recurrent_kernel), np.zeros_like(bias)
    gW, gbo = np.zeros_like(W_out), np.zeros_like(b_out)
    ds = np.zeros_like(state)
    for t in range(T - 1, -1, -1):
        prev, z, r, c, new, q = trail[t]
        e = q.copy()
        e[np.arange(B), labels[:, t]] -= 1
        e /= B * T
        gW += new.T @ e
        gbo += e.sum(0)
        ds = ds + e @ W_out.T
        dc = ds * (1 - z) * (1 - c**2)
        dz = ds * (prev - c) * z * (1 - z)
        drs = dc @ recurrent_kernel[:, 2 * H :].T
        dr = drs * prev * r * (1 - r)
        d = np.concatenate((dz, dr, dc), axis=1)
        np.add.at(gk, tokens[:, t], d)
        gb += d.sum(0)
        gr[:, : 2 * H] += prev.T @ d[:, : 2 * H]
        gr[:, 2 * H :] += (r * prev).T @ dc
        ds = ds * z + drs * r + d[:, : 2 * H] @ recurrent_kernel[:, : 2 * H].T
    return nll / (B * T), {"kernel": gk, "recurrent_kernel": gr, "bias": gb, "W_out": gW, "b_out": gbo}
