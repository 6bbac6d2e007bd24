import numpy as np

learning_rate = 1e-1


def adagrad_update(params, dparams, mems):
    for param, dparam, mem in zip(params, dparams, mems):
        mem += dparam * dparam
        param += -learning_rate * dparam / np.sqrt(mem + 1e-8)
