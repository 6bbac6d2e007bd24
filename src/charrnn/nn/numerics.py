"""Elementwise maths in place. A trailing underscore marks a function that overwrites its first argument."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array


def sigmoid_(x: Array) -> None:
    """σ(x) = (1 + tanh(x / 2)) / 2: it cannot overflow, and costs one tanh."""
    x *= 0.5
    np.tanh(x, out=x)
    x += 1.0
    x *= 0.5


def sigmoid_backward_(d_y: Array, y: Array, scratch: Array) -> None:
    """d_y becomes d_x, where y = σ(x): d_x = d_y · y · (1 − y)."""
    d_y *= y
    np.subtract(1.0, y, out=scratch)
    d_y *= scratch


def tanh_backward_(d_y: Array, y: Array, scratch: Array) -> None:
    """d_y becomes d_x, where y = tanh(x): d_x = d_y · (1 − y²)."""
    np.multiply(y, y, out=scratch)
    np.subtract(1.0, scratch, out=scratch)
    d_y *= scratch


def flat(x: Array) -> Array:
    """(T, B, K) seen as (T·B, K), so that one matrix product covers the whole window."""
    return x.reshape(-1, x.shape[-1])


def log_softmax(logits: Array) -> Array:
    """The logarithm of the softmax of each row of (n, V), in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return np.asarray(shifted)
