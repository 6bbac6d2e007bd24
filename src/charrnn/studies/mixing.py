"""Predictors mixed after training: one weight each, fitted on one half of a text and measured on the other.

ℓ_k,t (V,) is what predictor k says about the character at t, as log-probabilities. The mixture is [src.10], with
weights that lower the mean surprise on a text as far as weights can:

    w ← w − C⁻¹ g,   g_k = mean_t (Σ_v p_t,v ℓ_k,t,v − ℓ_k,t,y_t),   C_jk = mean_t cov_p_t(ℓ_j,t, ℓ_k,t)      [src.12]

The surprise is convex in w, so that what is lowest nearby is lowest everywhere. Derived in docs/derivations/mixture.md.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.numerics import log_softmax

BLOCK = 4096  # characters at a time
MOST_STEPS = 50
SMALLEST = 1e-6  # a step of the weights that matters


class TwoFold(NamedTuple):
    """A mixture that was measured where its weights were not fitted."""

    nats: Array  # (N,), the surprise at each character
    weights: Array  # (K,), the mean of both halves' weights


class _Fit(NamedTuple):
    loss: float
    slope: Array  # (K,)
    curvature: Array  # (K, K)


def two_fold(log_probs: Array, targets: Array) -> TwoFold:
    """Mix predictors (K, N, V) at targets (N,): each half of the text with the weights that are best on the other."""
    middle = len(targets) // 2
    halves = slice(0, middle), slice(middle, None)
    weights = [fitted_weights(log_probs[:, half], targets[half]) for half in halves]
    nats = [
        mixed_nats(of_other, log_probs[:, half], targets[half])
        for of_other, half in zip(reversed(weights), halves, strict=True)
    ]
    return TwoFold(np.concatenate(nats), np.mean(weights, axis=0))


def mixed_nats(weights: Array, log_probs: Array, targets: Array) -> Array:
    """The surprise (N,) of the mixture of predictors (K, N, V) at targets (N,)."""
    nats = []
    for start in range(0, len(targets), BLOCK):
        own = targets[start : start + BLOCK]
        mixed = log_softmax(np.tensordot(weights, log_probs[:, start : start + BLOCK], 1))  # (n, V)
        nats.append(-mixed[np.arange(len(own)), own])
    return np.concatenate(nats)


def fitted_weights(log_probs: Array, targets: Array) -> Array:
    """The weights (K,) with which predictors (K, N, V) are together least surprised at targets (N,)."""
    weights = np.full(len(log_probs), 1 / len(log_probs))
    fit = _fit(weights, log_probs, targets)
    step = _step(fit)
    for _ in range(MOST_STEPS):
        if np.abs(step).max() < SMALLEST:
            break
        tried = _fit(weights - step, log_probs, targets)
        if tried.loss > fit.loss:
            step = step / 2
        else:
            weights, fit = weights - step, tried
            step = _step(fit)
    return weights


def _step(fit: _Fit) -> Array:
    """[src.12]; where predictors say the same, the shortest of the steps that do the same."""
    return np.linalg.lstsq(fit.curvature, fit.slope, rcond=1e-10)[0]


def _fit(weights: Array, log_probs: Array, targets: Array) -> _Fit:
    """The mean surprise of a mixture, and how it changes with the weights."""
    loss, slope, curvature = 0.0, np.zeros(len(weights)), np.zeros((len(weights), len(weights)))
    for start in range(0, len(targets), BLOCK):
        part, own = log_probs[:, start : start + BLOCK].astype(np.float64), targets[start : start + BLOCK]
        rows = np.arange(len(own))
        mixed = log_softmax(np.tensordot(weights, part, 1))  # (n, V)
        probs = np.exp(mixed)
        expected = np.einsum("nv,knv->kn", probs, part)
        loss -= mixed[rows, own].sum()
        slope += (expected - part[:, rows, own]).sum(axis=1)
        curvature += np.tensordot(part * probs, part, ((1, 2), (1, 2))) - expected @ expected.T
    return _Fit(loss / len(targets), slope / len(targets), curvature / len(targets))
