"""Columns; one matrix for each gate over [a_prev; xt]; dictionaries."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    concat = np.concatenate((a_prev, xt), axis=0)
    ft = sigmoid(parameters["Wf"] @ concat + parameters["bf"])
    it = sigmoid(parameters["Wi"] @ concat + parameters["bi"])
    cct = np.tanh(parameters["Wc"] @ concat + parameters["bc"])
    c_next = ft * c_prev + it * cct
    ot = sigmoid(parameters["Wo"] @ concat + parameters["bo"])
    a_next = ot * np.tanh(c_next)
    yt_pred = np.exp(parameters["Wy"] @ a_next + parameters["by"])
    return a_next, c_next, yt_pred, (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)


def lstm_cell_backward(da_next, dc_next, cache):
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters = cache
    n_a = a_next.shape[0]
    dc = dc_next + da_next * ot * (1 - np.square(np.tanh(c_next)))
    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dcct = dc * it * (1 - np.square(cct))
    dit = dc * cct * it * (1 - it)
    dft = dc * c_prev * ft * (1 - ft)
    concat = np.concatenate((a_prev, xt), axis=0)
    back = sum(parameters["W" + k].T @ d for k, d in zip("fico", (dft, dit, dcct, dot)))
    return {
        "dxt": back[n_a:],
        "da_prev": back[:n_a],
        "dc_prev": dc * ft,
        "dWf": dft @ concat.T,
        "dbf": dft.sum(axis=1, keepdims=True),
        "dWi": dit @ concat.T,
        "dbi": dit.sum(axis=1, keepdims=True),
        "dWc": dcct @ concat.T,
        "dbc": dcct.sum(axis=1, keepdims=True),
        "dWo": dot @ concat.T,
        "dbo": dot.sum(axis=1, keepdims=True),
    }
