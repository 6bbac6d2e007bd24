"""Gradient descent with momentum, one number at a time."""

from __future__ import annotations


def sgd(theta, gradients, alpha, momentum=0.9, weight_decay=0.0):
    m, path = 0.0, []
    for g in gradients:
        m = momentum * m + g
        theta -= alpha * weight_decay * theta
        theta -= alpha * m
        path.append(theta)
    return path
