"""The networks as a learner writes them: one time step after another, every gradient by hand.

The catalogue in `mistakes/` replaces single lines of these functions, so each line is one idea. Rows are lanes:
x (T, B, I), h (B, H), U (I, G·H), W (H, G·H), b (G·H,). `head` says what comes from above: of the states h it returns
d_out (T, B, H), d_last and d_c_last (B, H).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import zeros_like as zeros

Arrays = dict[str, Any]


def sigmoid(a: Any) -> Any:
    """σ(a), without overflow."""
    return (np.tanh(a / 2) + 1) / 2


def clip_at(limit: float, a: Any) -> Any:
    """What many programs do to gradients; at the wrong place it is a mistake."""
    return np.clip(a, -limit, limit)


def softmax_head(p: Arrays, h: dict[int, Any], targets: Any, inputs: Any, out: Arrays) -> tuple[Any, Any, Any]:
    """The readout and its loss: p holds V (H, K) and c (K,), targets are ids (T, B). Writes loss, V and c to out."""
    V, c = p["V"], p["c"]
    T, (B, H) = len(targets), h[0].shape
    y = np.eye(len(c))[targets]
    d_out, d_V, d_c = np.zeros((T, B, H)), zeros(V), zeros(c)
    N, loss = T * B, 0.0
    for t in reversed(range(T)):
        o = h[t] @ V + c
        o -= o.max(axis=1, keepdims=True)
        prob = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
        loss += -np.log(np.maximum(prob, 1e-300))[y[t] > 0].sum() / N
        d_o = (prob - y[t]) / N
        d_V += h[t].T @ d_o
        d_c += d_o.sum(axis=0)
        d_out[t] = d_o @ V.T
    out |= {"loss": loss, "V": d_V, "c": d_c}
    return d_out, np.zeros((B, H)), np.zeros((B, H))


def rnn(p: Arrays, x: Any, h0: Any, c0: Any, head: Callable[..., Any]) -> Arrays:
    """The vanilla network."""
    U, W, b = p["U"], p["W"], p["b"]
    T, h = len(x), {-1: h0}
    for t in range(T):
        a = x[t] @ U + h[t - 1] @ W + b
        h[t] = np.tanh(a)
    d_out, d_last, _ = head(h)
    d_U, d_W, d_b, d_x = zeros(U), zeros(W), zeros(b), zeros(x)
    d_next = d_last
    for t in reversed(range(T)):
        d_h = d_out[t] + d_next
        d_a = d_h * (1 - h[t] ** 2)
        d_U += x[t].T @ d_a
        d_W += h[t - 1].T @ d_a
        d_b += d_a.sum(axis=0)
        d_x[t] = d_a @ U.T
        d_next = d_a @ W.T
    return {"h": stacked(h, T), "U": d_U, "W": d_W, "b": d_b, "x": d_x, "h0": d_next}


def lstm(p: Arrays, x: Any, h0: Any, c0: Any, head: Callable[..., Any]) -> Arrays:
    """The LSTM; columns are the gates i, f, g, o."""
    U, W, b = p["U"], p["W"], p["b"]
    T, h, c, gates = len(x), {-1: h0}, {-1: c0}, {}
    for t in range(T):
        a = x[t] @ U + h[t - 1] @ W + b
        a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        c[t] = f * c[t - 1] + i * g
        h[t] = o * np.tanh(c[t])
        gates[t] = i, f, g, o
    d_out, d_last, d_c_last = head(h)
    d_U, d_W, d_b, d_x = zeros(U), zeros(W), zeros(b), zeros(x)
    d_next, d_c_next = d_last, d_c_last
    for t in reversed(range(T)):
        i, f, g, o = gates[t]
        tanh_c = np.tanh(c[t])
        d_h = d_out[t] + d_next
        d_c = d_c_next + d_h * o * (1 - tanh_c**2)
        d_o = d_h * tanh_c
        d_i = d_c * g
        d_f = d_c * c[t - 1]
        d_g = d_c * i
        d_c_next = d_c * f
        d_a_i = d_i * i * (1 - i)
        d_a_f = d_f * f * (1 - f)
        d_a_o = d_o * o * (1 - o)
        d_a_g = d_g * (1 - g**2)
        d_a = np.concatenate([d_a_i, d_a_f, d_a_g, d_a_o], axis=1)
        d_U += x[t].T @ d_a
        d_W += h[t - 1].T @ d_a
        d_b += d_a.sum(axis=0)
        d_x[t] = d_a @ U.T
        d_next = d_a @ W.T
    found = {"h": stacked(h, T), "cells": stacked(c, T), "U": d_U, "W": d_W, "b": d_b, "x": d_x}
    return found | {"h0": d_next, "c0": d_c_next}


def gru(p: Arrays, x: Any, h0: Any, c0: Any, head: Callable[..., Any]) -> Arrays:
    """The GRU with its reset gate after the product; columns are the gates r, z, n, and bh is the bias of h W."""
    U, W, b, bh = p["U"], p["W"], p["b"], p["bh"]
    T, h, gates = len(x), {-1: h0}, {}
    for t in range(T):
        x_r, x_z, x_n = np.split(x[t] @ U + b, 3, axis=1)
        y_r, y_z, y_n = np.split(h[t - 1] @ W + bh, 3, axis=1)
        r, z = sigmoid(x_r + y_r), sigmoid(x_z + y_z)
        n = np.tanh(x_n + r * y_n)
        h[t] = (1 - z) * n + z * h[t - 1]
        gates[t] = r, z, n, y_n
    d_out, d_last, _ = head(h)
    d_U, d_W, d_b, d_bh, d_x = zeros(U), zeros(W), zeros(b), zeros(bh), zeros(x)
    d_next = d_last
    for t in reversed(range(T)):
        r, z, n, y_n = gates[t]
        d_h = d_out[t] + d_next
        d_z = d_h * (h[t - 1] - n)
        d_n = d_h * (1 - z)
        d_past = d_h * z
        d_x_n = d_n * (1 - n**2)
        d_r = d_x_n * y_n
        d_y_n = d_x_n * r
        d_a_r = d_r * r * (1 - r)
        d_a_z = d_z * z * (1 - z)
        d_a = np.concatenate([d_a_r, d_a_z, d_x_n], axis=1)
        d_y = np.concatenate([d_a_r, d_a_z, d_y_n], axis=1)
        d_U += x[t].T @ d_a
        d_W += h[t - 1].T @ d_y
        d_b += d_a.sum(axis=0)
        d_bh += d_y.sum(axis=0)
        d_x[t] = d_a @ U.T
        d_next = d_past + d_y @ W.T
    return {"h": stacked(h, T), "U": d_U, "W": d_W, "b": d_b, "bh": d_bh, "x": d_x, "h0": d_next}


def gru_before(p: Arrays, x: Any, h0: Any, c0: Any, head: Callable[..., Any]) -> Arrays:
    """The GRU as published: the reset gate multiplies h before the product."""
    U, W, b = p["U"], p["W"], p["b"]
    W_r, W_z, W_n = np.split(W, 3, axis=1)
    T, h, gates = len(x), {-1: h0}, {}
    for t in range(T):
        x_r, x_z, x_n = np.split(x[t] @ U + b, 3, axis=1)
        r, z = sigmoid(x_r + h[t - 1] @ W_r), sigmoid(x_z + h[t - 1] @ W_z)
        n = np.tanh(x_n + (r * h[t - 1]) @ W_n)
        h[t] = (1 - z) * n + z * h[t - 1]
        gates[t] = r, z, n
    d_out, d_last, _ = head(h)
    d_U, d_W, d_b, d_x = zeros(U), zeros(W), zeros(b), zeros(x)
    d_next = d_last
    for t in reversed(range(T)):
        r, z, n = gates[t]
        d_h = d_out[t] + d_next
        d_z = d_h * (h[t - 1] - n)
        d_n = d_h * (1 - z)
        d_past = d_h * z
        d_x_n = d_n * (1 - n**2)
        d_reset = d_x_n @ W_n.T
        d_r = d_reset * h[t - 1]
        d_a_r = d_r * r * (1 - r)
        d_a_z = d_z * z * (1 - z)
        d_a = np.concatenate([d_a_r, d_a_z, d_x_n], axis=1)
        d_U += x[t].T @ d_a
        d_W_n = (r * h[t - 1]).T @ d_x_n
        d_W += np.concatenate([h[t - 1].T @ d_a_r, h[t - 1].T @ d_a_z, d_W_n], axis=1)
        d_b += d_a.sum(axis=0)
        d_x[t] = d_a @ U.T
        d_next = d_past + d_reset * r + d_a_r @ W_r.T + d_a_z @ W_z.T
    return {"h": stacked(h, T), "U": d_U, "W": d_W, "b": d_b, "x": d_x, "h0": d_next}


def blocks_transposed(W: Any, only: int | None = None) -> Any:
    """W (H, G·H) with the square block of each gate, or of one, transposed, as where a transposition is forgotten."""
    blocks = np.split(W, W.shape[1] // len(W), axis=1)
    return np.concatenate([block.T if only in (None, k) else block for k, block in enumerate(blocks)], axis=1)


def only_last(x_t: Any, d_a: Any, filled: Any = None) -> Any:
    """The rows that `d_U[ids] = d_a` leaves: of a character that occurs several times, only the last."""
    rows = np.zeros((x_t.shape[1], d_a.shape[1]))
    for lane in range(len(x_t)):
        for k in np.flatnonzero(x_t[lane]):
            if filled is None or not filled[k].any():
                rows[k] = x_t[lane, k] * d_a[lane]
    return rows


def stacked(states: dict[int, Any], steps: int) -> Any:
    """The states of all steps, (T, B, H)."""
    return np.array([states[t] for t in range(steps)])


NETWORKS: dict[str, Callable[..., Arrays]] = {"rnn": rnn, "lstm": lstm, "gru": gru, "gru_before": gru_before}
