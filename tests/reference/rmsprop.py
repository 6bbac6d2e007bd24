"""RMSProp, one number at a time."""

from __future__ import annotations

import math


def rmsprop(theta, gradients, alpha, beta2=0.99, eps=1e-8, weight_decay=0.0):
    v, path = 0.0, []
    for g in gradients:
        v = beta2 * v + (1 - beta2) * g * g
        theta -= alpha * weight_decay * theta
        theta -= alpha * g / (math.sqrt(v) + eps)
        path.append(theta)
    return path
