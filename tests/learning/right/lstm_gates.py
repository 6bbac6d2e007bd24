import numpy as np

sigmoid = lambda v: 1.0 / (1.0 + np.exp(-v))


def lstm_forward(x, h0, c0, params):
    """x: list of (batch, features) arrays, one per step -- here an array (T, N, D)."""
    Wxi, Whi, bi, Wxf, Whf, bf, Wxg, Whg, bg, Wxo, Who, bo = params
    h, c = h0, c0
    hs, memory = [], []
    for xt in x:
        i = sigmoid(xt @ Wxi + h @ Whi + bi)
        f = sigmoid(xt @ Wxf + h @ Whf + bf)
        g = np.tanh(xt @ Wxg + h @ Whg + bg)
        o = sigmoid(xt @ Wxo + h @ Who + bo)
        c_new = f * c + i * g
        memory.append((xt, h, c, i, f, g, o, c_new))
        c = c_new
        h = o * np.tanh(c)
        hs.append(h)
    return np.array(hs), memory


def lstm_backward(dhs, memory, params):
    Wxi, Whi, bi, Wxf, Whf, bf, Wxg, Whg, bg, Wxo, Who, bo = params
    grads = [np.zeros_like(p) for p in params]
    dh_next = np.zeros_like(dhs[0])
    dc_next = np.zeros_like(dhs[0])
    dx = np.zeros((len(dhs), dhs.shape[1], Wxi.shape[0]))
    for t in reversed(range(len(memory))):
        xt, hp, cp, i, f, g, o, c = memory[t]
        dh = dhs[t] + dh_next
        tc = np.tanh(c)
        dc = dh * o * (1 - tc * tc) + dc_next
        dgates = [dc * g * i * (1 - i), dc * cp * f * (1 - f), dc * i * (1 - g * g), dh * tc * o * (1 - o)]
        dh_next = 0
        for k, (Wx, Wh) in enumerate([(Wxi, Whi), (Wxf, Whf), (Wxg, Whg), (Wxo, Who)]):
            grads[3 * k] += xt.T @ dgates[k]
            grads[3 * k + 1] += hp.T @ dgates[k]
            grads[3 * k + 2] += dgates[k].sum(0)
            dx[t] += dgates[k] @ Wx.T
            dh_next = dh_next + dgates[k] @ Wh.T
        dc_next = dc * f
    return dx, grads
