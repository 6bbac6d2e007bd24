import numpy as np


def adamw(params, grads, state_m, state_v, t, lr=0.01, b1=0.9, b2=0.95, eps=1e-8, weight_decay=0.1):
    out = {}
    for k in params:
        state_m[k] = b1 * state_m[k] + (1 - b1) * grads[k]
        state_v[k] = b2 * state_v[k] + (1 - b2) * grads[k] ** 2
        out[k] = params[k] * (1 - lr * weight_decay) - lr * (state_m[k] / (1 - b1**t)) / (
            np.sqrt(state_v[k] / (1 - b2**t)) + eps
        )
    return out
