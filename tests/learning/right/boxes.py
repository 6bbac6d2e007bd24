"""Parameters that carry their gradients, in an object of the program; column vectors, one sequence of ids; a sum."""

import numpy as np

data = open("input.txt").read()
chars = list(set(data))
char_to_idx = {ch: i for i, ch in enumerate(chars)}
H_size, X_size = 100, len(chars)


class Param:
    def __init__(self, name, value):
        self.name = name
        self.v = value
        self.d = np.zeros_like(value)
        self.m = np.zeros_like(value)


class Parameters:
    def __init__(self):
        self.W_xh = Param("W_xh", np.random.randn(H_size, X_size) * 0.1)
        self.W_hh = Param("W_hh", np.random.randn(H_size, H_size) * 0.1)
        self.b_h = Param("b_h", np.zeros((H_size, 1)))
        self.W_y = Param("W_y", np.random.randn(X_size, H_size) * 0.1)
        self.b_y = Param("b_y", np.zeros((X_size, 1)))

    def all(self):
        return [self.W_xh, self.W_hh, self.b_h, self.W_y, self.b_y]


parameters = Parameters()


def forward(x, h_prev, p=parameters):
    h = np.tanh(p.W_xh.v @ x + p.W_hh.v @ h_prev + p.b_h.v)
    o = p.W_y.v @ h + p.b_y.v
    return h, np.exp(o) / np.exp(o).sum()


def clear_gradients(params=parameters):
    for p in params.all():
        p.d.fill(0)


def forward_backward(inputs, targets, h_prev):
    xs, hs, ys, loss = {}, {-1: np.copy(h_prev)}, {}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((X_size, 1))
        xs[t][inputs[t]] = 1
        hs[t], ys[t] = forward(xs[t], hs[t - 1])
        loss += -np.log(ys[t][targets[t], 0])
    clear_gradients()
    dh_next = np.zeros_like(h_prev)
    for t in reversed(range(len(inputs))):
        dy = np.copy(ys[t])
        dy[targets[t]] -= 1
        parameters.W_y.d += dy @ hs[t].T
        parameters.b_y.d += dy
        da = (parameters.W_y.v.T @ dy + dh_next) * (1 - hs[t] ** 2)
        parameters.W_xh.d += da @ xs[t].T
        parameters.W_hh.d += da @ hs[t - 1].T
        parameters.b_h.d += da
        dh_next = parameters.W_hh.v.T @ da
    return loss, hs[len(inputs) - 1]
