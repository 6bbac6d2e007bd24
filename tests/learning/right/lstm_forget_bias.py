import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


FORGET_BIAS = 1.0


def loss_and_grads(params, inputs, targets, h_prev, c_prev):
    W, b, Wy, by = params["W"], params["b"], params["Wy"], params["by"]
    n = h_prev.size
    h, c, tape, loss = h_prev, c_prev, [], 0
    for i_, t_ in zip(inputs, targets):
        x = np.zeros(by.size)
        x[i_] = 1
        z = np.concatenate([x, h])
        a = z @ W + b
        i, g, f, o = sigmoid(a[:n]), np.tanh(a[n : 2 * n]), sigmoid(a[2 * n : 3 * n] + FORGET_BIAS), sigmoid(a[3 * n :])
        c0, c = c, f * c + i * g
        h = o * np.tanh(c)
        s = h @ Wy + by
        p = np.exp(s - s.max())
        p /= p.sum()
        loss -= np.log(p[t_])
        tape.append((z, i, g, f, o, c0, c, h, p, t_))
    dW, db, dWy, dby = (np.zeros_like(v) for v in (W, b, Wy, by))
    dh, dc = np.zeros(n), np.zeros(n)
    for z, i, g, f, o, c0, c, h, p, t_ in reversed(tape):
        dy = p.copy()
        dy[t_] -= 1
        dWy += np.outer(h, dy)
        dby += dy
        dh = dh + Wy @ dy
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da = np.concatenate(
            [dc * g * i * (1 - i), dc * i * (1 - g * g), dc * c0 * f * (1 - f), dh * np.tanh(c) * o * (1 - o)]
        )
        dW += np.outer(z, da)
        db += da
        dh = (W @ da)[-n:]
        dc = dc * f
    return loss, {"W": dW, "b": db, "Wy": dWy, "by": dby}
