"""One step of a GRU in rows: gates side by side in one array, reset after the product, two biases."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_cell_forward(x, h_prev, weight_ih, weight_hh, bias_ih, bias_hh):
    gi, gh = x @ weight_ih + bias_ih, h_prev @ weight_hh + bias_hh
    (i_r, i_z, i_n), (h_r, h_z, h_n) = np.split(gi, 3, axis=1), np.split(gh, 3, axis=1)
    r, z = sigmoid(i_r + h_r), sigmoid(i_z + h_z)
    n = np.tanh(i_n + r * h_n)
    h_next = n + z * (h_prev - n)
    return h_next, (x, h_prev, weight_ih, weight_hh, r, z, n, h_n)


def gru_cell_backward(dh_next, cache):
    x, h_prev, weight_ih, weight_hh, r, z, n, h_n = cache
    dz = dh_next * (h_prev - n) * z * (1 - z)
    dn = dh_next * (1 - z) * (1 - n * n)
    dr = dn * h_n * r * (1 - r)
    d_i, d_h = np.hstack([dr, dz, dn]), np.hstack([dr, dz, dn * r])
    dx, dh_prev = d_i @ weight_ih.T, dh_next * z + d_h @ weight_hh.T
    return dx, dh_prev, x.T @ d_i, h_prev.T @ d_h, d_i.sum(0), d_h.sum(0)
