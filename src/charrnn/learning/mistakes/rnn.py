"""Mistakes that only the vanilla network has: its nonlinearity, [rnn.2] and [rnn.3]."""

from __future__ import annotations

from charrnn.learning.mistakes.mistake import Mistake

_TANH = "d_a = d_h * (1 - h[t] ** 2)"
_H = "h[t] = np.tanh(a)"

MISTAKES = [
    Mistake("tanh-derivative-missing", "rnn.3", _TANH, "d_a = d_h",
            "The gradient passes through tanh unchanged. Multiply it by tanh′ = 1 − h²."),
    Mistake("sigmoid-derivative-for-tanh", "rnn.3", _TANH, "d_a = d_h * h[t] * (1 - h[t])",
            "h (1 − h) is the derivative of the sigmoid. That of tanh is 1 − h²."),
    Mistake("tanh-derivative-without-square", "rnn.3", _TANH, "d_a = d_h * (1 - h[t])",
            "tanh′ is 1 − h², not 1 − h."),
    Mistake("tanh-derivative-sign", "rnn.3", _TANH, "d_a = d_h * (1 + h[t] ** 2)", "tanh′ is 1 − h², not 1 + h²."),
    Mistake("tanh-derivative-squared", "rnn.3", _TANH, "d_a = d_h * (1 - h[t] ** 2) ** 2",
            "The factor tanh′ = 1 − h² is applied twice."),
    Mistake("tanh-applied-twice", "rnn.3", _TANH, "d_a = d_h * (1 - np.tanh(h[t]) ** 2)",
            "h is tanh(a) already. Its derivative is 1 − h²; this is 1 − tanh²(h)."),
    Mistake("tanh-derivative-of-the-pre-activation", "rnn.3", _TANH, "d_a = d_h * (1 - np.arctanh(h[t]) ** 2)",
            "1 − a² uses the pre-activation a. tanh′ is 1 − tanh²(a) = 1 − h²."),
    Mistake("tanh-derivative-of-the-step-before", "rnn.3", _TANH, "d_a = d_h * (1 - h[t - 1] ** 2)",
            "tanh′ of step t is 1 − h[t]²; this uses h[t − 1]."),
    Mistake("tanh-derivative-of-the-step-after", "rnn.3",
            "d_h = d_out[t] + d_next\n        d_a = d_h * (1 - h[t] ** 2)",
            "d_h = d_out[t] + d_next\n"
            "        d_a = d_out[t] * (1 - h[t] ** 2) + d_next * (1 - h[min(t + 1, T - 1)] ** 2)",
            "What comes from step t + 1 is multiplied by tanh′ of that step again. At step t it takes 1 − h[t]²."),
    Mistake("tanh-derivative-only-of-the-readout", "rnn.3",
            "d_h = d_out[t] + d_next\n        d_a = d_h * (1 - h[t] ** 2)",
            "d_h = d_out[t]\n        d_a = d_h * (1 - h[t] ** 2) + d_next",
            "What comes from the next step is added after tanh′. It arrives at h[t], so add it before."),
    Mistake("sigmoid-for-tanh", "rnn.2", _H, "h[t] = sigmoid(a)", "The state is sigmoid(a), not tanh(a)."),
    Mistake("relu-for-tanh", "rnn.2", _H, "h[t] = np.maximum(a, 0)", "The state is max(a, 0), not tanh(a)."),
    Mistake("tanh-missing", "rnn.2", _H, "h[t] = a", "The state is the pre-activation itself: tanh is missing."),
]  # fmt: skip
