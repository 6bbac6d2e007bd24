"""Lion, one number at a time."""

from __future__ import annotations

import math


def lion(theta, gradients, alpha, beta1=0.9, beta2=0.99, weight_decay=0.0):
    m, path = 0.0, []
    for g in gradients:
        direction = math.copysign(1.0, beta1 * m + (1 - beta1) * g)
        theta -= alpha * weight_decay * theta
        theta -= alpha * direction
        m = beta2 * m + (1 - beta2) * g
        path.append(theta)
    return path
