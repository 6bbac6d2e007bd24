"""LSTM text generator, following a blog"""

import numpy as np

data = open("harry.txt", "r").read()
chars = list(set(data))
X_size = len(chars)
H_size = 100
T_steps = 25
z_size = H_size + X_size


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dsigmoid(y):
    return y * (1 - y)


def dtanh(y):
    return 1 - y * y


W_f = np.random.randn(H_size, z_size) * 0.1 + 0.5
b_f = np.zeros((H_size, 1))
W_i = np.random.randn(H_size, z_size) * 0.1 + 0.5
b_i = np.zeros((H_size, 1))
W_C = np.random.randn(H_size, z_size) * 0.1
b_C = np.zeros((H_size, 1))
W_o = np.random.randn(H_size, z_size) * 0.1 + 0.5
b_o = np.zeros((H_size, 1))
W_v = np.random.randn(X_size, H_size) * 0.1
b_v = np.zeros((X_size, 1))


def forward_step(x, h_prev, C_prev):
    z = np.vstack((h_prev, x))
    f = sigmoid(np.dot(W_f, z) + b_f)
    i = sigmoid(np.dot(W_i, z) + b_i)
    C_bar = np.tanh(np.dot(W_C, z) + b_C)
    C = f * C_prev + i * C_bar
    o = sigmoid(np.dot(W_o, z) + b_o)
    h = o * np.tanh(C)
    v = np.dot(W_v, h) + b_v
    y = np.exp(v) / np.sum(np.exp(v))
    return z, f, i, C_bar, C, o, h, v, y


def forward_backward(inputs, targets, h_prev, C_prev):
    x_s, z_s, f_s, i_s, C_bar_s, C_s, o_s, h_s, v_s, y_s = {}, {}, {}, {}, {}, {}, {}, {}, {}, {}
    h_s[-1] = np.copy(h_prev)
    C_s[-1] = np.copy(C_prev)
    loss = 0
    for t in range(len(inputs)):
        x_s[t] = np.zeros((X_size, 1))
        x_s[t][inputs[t]] = 1
        (z_s[t], f_s[t], i_s[t], C_bar_s[t], C_s[t], o_s[t], h_s[t], v_s[t], y_s[t]) = forward_step(
            x_s[t], h_s[t - 1], C_s[t - 1]
        )
        loss += -np.log(y_s[t][targets[t], 0])

    dW_f, dW_i, dW_C, dW_o, dW_v = [np.zeros_like(w) for w in (W_f, W_i, W_C, W_o, W_v)]
    db_f, db_i, db_C, db_o, db_v = [np.zeros_like(w) for w in (b_f, b_i, b_C, b_o, b_v)]
    dh_next = np.zeros_like(h_s[0])
    dC_next = np.zeros_like(C_s[0])
    for t in reversed(range(len(inputs))):
        dv = np.copy(y_s[t])
        dv[targets[t]] -= 1
        dW_v += np.dot(dv, h_s[t].T)
        db_v += dv
        dh = np.dot(W_v.T, dv)
        dh += dh_next
        do = dh * np.tanh(C_s[t])
        do = dsigmoid(o_s[t]) * do
        dW_o += np.dot(do, z_s[t].T)
        db_o += do
        dC = np.copy(dC_next)
        dC += dh * o_s[t] * dtanh(np.tanh(C_s[t]))
        dC_bar = dC * i_s[t]
        dC_bar = dC_bar * dtanh(C_bar_s[t])
        dW_C += np.dot(dC_bar, z_s[t].T)
        db_C += dC_bar
        di = dC * C_bar_s[t]
        di = dsigmoid(i_s[t]) * di
        dW_i += np.dot(di, z_s[t].T)
        db_i += di
        df = dC * C_s[t - 1]
        df = dsigmoid(f_s[t]) * df
        dW_f += np.dot(df, z_s[t].T)
        db_f += df
        dz = np.dot(W_f.T, df) + np.dot(W_i.T, di) + np.dot(W_C.T, dC_bar) + np.dot(W_o.T, do)
        dh_next = dz[:H_size, :]
        dC_next = f_s[t] * dC
    for d in [dW_f, dW_i, dW_C, dW_o, dW_v, db_f, db_i, db_C, db_o, db_v]:
        np.clip(d, -1, 1, out=d)
    return loss, dW_f, dW_i, dW_C, dW_o, dW_v, db_f, db_i, db_C, db_o, db_v, h_s[len(inputs) - 1], C_s[len(inputs) - 1]
