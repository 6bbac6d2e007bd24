"""Adam, Algorithm 1 of the paper, one number at a time."""

from __future__ import annotations

import math


def adam(theta, gradients, alpha=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    """One number's path: theta after each of its gradients."""
    m = v = 0.0
    path = []
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta -= alpha * weight_decay * theta
        theta -= alpha * m_hat / (math.sqrt(v_hat) + eps)
        path.append(theta)
    return path
