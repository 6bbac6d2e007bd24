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
