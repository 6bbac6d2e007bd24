import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru_cell_forward(xt, c_prev, parameters):
    Wu, bu = parameters["Wu"], parameters["bu"]
    Wr, br = parameters["Wr"], parameters["br"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    concat = np.concatenate((c_prev, xt), axis=0)
    u = sigmoid(np.dot(Wu, concat) + bu)
    r = sigmoid(np.dot(Wr, concat) + br)
    concat2 = np.concatenate((r * c_prev, xt), axis=0)
    cct = np.tanh(np.dot(Wc, concat2) + bc)
    c_next = u * cct + (1 - u) * c_prev
    cache = (xt, c_prev, u, r, cct, concat, concat2, parameters)
    return c_next, cache


def gru_cell_backward(dc_next, cache):
    xt, c_prev, u, r, cct, concat, concat2, parameters = cache
    n_a = c_prev.shape[0]
    dcct = dc_next * u * (1 - cct**2)
    du = dc_next * (cct - c_prev) * u * (1 - u)
    dconcat2 = parameters["Wc"].T @ dcct
    dr = dconcat2[:n_a] * c_prev * r * (1 - r)
    dconcat = parameters["Wu"].T @ du + parameters["Wr"].T @ dr
    dc_prev = dc_next * (1 - u) + dconcat2[:n_a] * r + dconcat[:n_a]
    dxt = dconcat2[n_a:] + dconcat[n_a:]
    gradients = {
        "dxt": dxt,
        "dc_prev": dc_prev,
        "dWu": du @ concat.T,
        "dbu": du.sum(axis=1, keepdims=True),
        "dWr": dr @ concat.T,
        "dbr": dr.sum(axis=1, keepdims=True),
        "dWc": dcct @ concat2.T,
        "dbc": dcct.sum(axis=1, keepdims=True),
    }
    return gradients
