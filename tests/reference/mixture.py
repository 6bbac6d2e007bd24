"""What experts add to a network, character by character: [src.4] to [src.6]."""

from __future__ import annotations

import numpy as np


def expert_inputs(W, y, log_q):
    """y⁰ (T, B, H) and log q (S, T, B, V) to x¹ (T, B, H)."""
    x = np.array(y, np.result_type(W, y))
    for t, b in np.ndindex(y.shape[:2]):
        phi = np.concatenate([np.sqrt(np.exp(of_expert[t, b])) for of_expert in log_q])
        x[t, b] += W @ phi
    return x


def mixed_logits(p, h, log_q):
    """ĥ (T, B, H) and log q (S, T, B, V) to logits (T, B, V)."""
    V, c, G, g = p["readout.weight"], p["readout.bias"], p["mixture.gate_weight"], p["mixture.gate_bias"]
    logits = []
    for t, b in np.ndindex(h.shape[:2]):
        gates = G @ h[t, b] + g
        logits.append(V @ h[t, b] + c + sum(gates[s] * log_q[s, t, b] for s in range(len(log_q))))
    return np.reshape(logits, (*h.shape[:2], -1))
