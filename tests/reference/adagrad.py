"""AdaGrad, one number at a time."""

from __future__ import annotations

import math


def adagrad(theta, gradients, alpha, eps=1e-10, weight_decay=0.0):
    s, path = 0.0, []
    for g in gradients:
        s += g * g
        theta -= alpha * weight_decay * theta
        theta -= alpha * g / (math.sqrt(s) + eps)
        path.append(theta)
    return path
