"""Mistakes that only the LSTM has: its gates and its memory line."""

from __future__ import annotations

from itertools import permutations

from charrnn.learning.mistakes.mistake import Mistake

_DC = "d_c = d_c_next + d_h * o * (1 - tanh_c**2)"
_JOIN = "d_a = np.concatenate([d_a_i, d_a_f, d_a_g, d_a_o], axis=1)"
_GATES = "i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)"
_SPLIT = "a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)"
_C, _H = "c[t] = f * c[t - 1] + i * g", "h[t] = o * np.tanh(c[t])"


def _order(gates: tuple[str, ...]) -> list[Mistake]:
    """Another order of the blocks, in the backward pass only, and in the forward pass."""
    back = ", ".join(f"d_a_{g}" for g in gates)
    moved = [(right, g) for right, g in zip("ifgo", gates, strict=True) if g != right]
    return [
        Mistake("gate-order-backward", "lstm.8", _JOIN, f"d_a = np.concatenate([{back}], axis=1)",
                "The gradients of the gates are joined in another order than the forward pass cuts them: in the place "
                f"of {', '.join(f'{right} stands that of {g}' for right, g in moved)}."),
        Mistake("gate-order-forward", "lstm.1", _SPLIT, f"{', '.join(f'a_{g}' for g in gates)} = "
                "np.split(a, 4, axis=1)",
                "The pre-activations are cut into gates in another order than the weights have: "
                f"{', '.join(f'{right} is taken for {g}' for right, g in moved)}."),
    ]  # fmt: skip


MISTAKES = [
    Mistake("memory-gradient-not-added", "lstm.4", _DC, "d_c = d_h * o * (1 - tanh_c**2)",
            "The gradient of the memory from the next step is not added. c reaches the loss through h and through the "
            "next step."),
    Mistake("memory-gradient-not-through-output", "lstm.4", _DC, "d_c = d_c_next",
            "The memory receives no gradient from h. Add d_h · o · (1 − tanh²(c))."),
    Mistake("tanh-derivative-missing", "lstm.4", _DC, "d_c = d_c_next + d_h * o",
            "The gradient passes through tanh(c) unchanged. Multiply it by 1 − tanh²(c)."),
    Mistake("output-gate-missing", "lstm.4", _DC, "d_c = d_c_next + d_h * (1 - tanh_c**2)",
            "The output gate is missing: h = o · tanh(c), so that d_c takes d_h · o."),
    Mistake("tanh-derivative-of-the-memory", "lstm.4", _DC, "d_c = d_c_next + d_h * o * (1 - c[t] ** 2)",
            "1 − c² is not tanh′(c). It is 1 − tanh²(c)."),
    Mistake("tanh-derivative-of-the-output", "lstm.4", _DC, "d_c = d_c_next + d_h * o * (1 - h[t] ** 2)",
            "1 − h² is not tanh′(c): h is o · tanh(c). Use 1 − tanh²(c)."),
    Mistake("tanh-missing-in-output-gradient", "lstm.5", "d_o = d_h * tanh_c", "d_o = d_h * c[t]",
            "The output gate multiplies tanh(c), not c."),
    Mistake("tanh-missing-in-output-gradient", "lstm.5", "d_o = d_h * tanh_c", "d_o = d_h",
            "The gradient of the output gate lacks its factor tanh(c)."),
    *(Mistake(f"gate-missing-in-recurrent-gradient-{k}", "rnn.4", "d_next = d_a @ W.T",
              f"d_next = d_a @ W.T - d_a_{k} @ np.split(W, 4, axis=1)[{n}].T",
              f"What goes to the state before lacks the part of gate {k}: add that of all four gates.")
      for n, k in enumerate("ifgo")),
    *(Mistake(f"gate-missing-in-recurrent-gradient-{k}", "rnn.4", "d_next = d_a @ W.T",
              f"d_next = d_a @ W.T - d_a_{k} @ np.split(W, 4, axis=1)[{n}].T",
              f"What goes back to the state before and to the input lacks the part of gate {k}: add that of all four.",
              also=(("d_x[t] = d_a @ U.T", f"d_x[t] = d_a @ U.T - d_a_{k} @ np.split(U, 4, axis=1)[{n}].T"),))
      for n, k in enumerate("ifgo")),
    Mistake("forget-gradient-paired-with-the-wrong-step", "lstm.6", "d_f = d_c * c[t - 1]", "d_f = d_c * c[t]",
            "The forget gate multiplies the memory before the step, c[t − 1]; this takes c[t]."),
    Mistake("input-gradient-wrong-factor", "lstm.6", "d_i = d_c * g", "d_i = d_c * i",
            "The gradient of the input gate takes the other factor, the candidate g."),
    Mistake("candidate-gradient-wrong-factor", "lstm.6", "d_g = d_c * i", "d_g = d_c * g",
            "The gradient of the candidate takes the other factor, the input gate i."),
    Mistake("gates-take-d-h", "lstm.6", "d_i = d_c * g", "d_i = d_h * g", "The input gate takes d_h. It writes to the "
            "memory: take d_c."),
    Mistake("forget-gate-missing", "lstm.7", "d_c_next = d_c * f", "d_c_next = d_c",
            "The memory's gradient is not multiplied by the forget gate on its way to the step before."),
    Mistake("forget-gate-of-the-wrong-step", "lstm.7", _DC, "d_c = d_c_next * f + d_h * o * (1 - tanh_c**2)",
            "What comes from step t + 1 is multiplied by the forget gate of step t. It passes that of step t + 1.",
            also=(("d_c_next = d_c * f", "d_c_next = d_c"),)),
    *(Mistake("forget-gate-of-the-wrong-step", "lstm.7", "d_c_next = d_c * f", f"d_c_next = d_c * gates[{place}][1]",
              "What goes to the step before is multiplied by the forget gate of step t − 1. It passes that of step t.")
      for place in ("max(t - 1, 0)", "(t - 1) % T")),
    Mistake("input-gate-for-forget-gate", "lstm.7", "d_c_next = d_c * f", "d_c_next = d_c * i",
            "The memory's gradient is multiplied by the input gate. It must be the forget gate."),
    Mistake("memory-gradient-only-the-new-part", "lstm.7", "d_c_next = d_c * f", "d_c_next = (d_c - d_c_next) * f",
            "What goes to the step before is d_c · f with the complete d_c, that from the next step included."),
    *(Mistake(f"sigmoid-derivative-missing-{k}", "lstm.8", f"d_a_{k} = d_{k} * {k} * (1 - {k})", f"d_a_{k} = d_{k}",
              f"The gradient passes through the sigmoid of gate {k} unchanged. Multiply it by {k} (1 − {k}).")
      for k in "ifo"),
    *(Mistake(f"tanh-derivative-for-sigmoid-{k}", "lstm.8", f"d_a_{k} = d_{k} * {k} * (1 - {k})",
              f"d_a_{k} = d_{k} * (1 - {k}**2)",
              f"Gate {k} is a sigmoid: its derivative is {k} (1 − {k}), not 1 − {k}².")
      for k in "ifo"),
    *(Mistake(f"sigmoid-derivative-incomplete-{k}", "lstm.8", f"d_a_{k} = d_{k} * {k} * (1 - {k})",
              f"d_a_{k} = d_{k} * (1 - {k})",
              f"The derivative of the sigmoid is {k} (1 − {k}); the factor {k} is missing.")
      for k in "ifo"),
    Mistake("candidate-tanh-derivative-missing", "lstm.8", "d_a_g = d_g * (1 - g**2)", "d_a_g = d_g",
            "The gradient passes through the candidate's tanh unchanged. Multiply it by 1 − g²."),
    Mistake("sigmoid-derivative-for-candidate", "lstm.8", "d_a_g = d_g * (1 - g**2)", "d_a_g = d_g * g * (1 - g)",
            "The candidate is a tanh: its derivative is 1 − g², not g (1 − g)."),
    *(mistake for gates in list(permutations("ifgo"))[1:] for mistake in _order(gates)),
    Mistake("sigmoid-of-twice", "lstm.1", _GATES, _GATES.replace("sigmoid(a_i), sigmoid(a_f)",
            "sigmoid(2 * a_i), sigmoid(2 * a_f)").replace("sigmoid(a_o)", "sigmoid(2 * a_o)"),
            "The gates are σ(2a): (1 + tanh(a)) / 2 is not the sigmoid; (1 + tanh(a / 2)) / 2 is."),
    Mistake("sigmoid-for-candidate", "lstm.1", _GATES, _GATES.replace("np.tanh(a_g)", "sigmoid(a_g)"),
            "The candidate is a sigmoid. It must be tanh."),
    Mistake("tanh-missing-in-output", "lstm.3", _H, "h[t] = o * c[t]", "h is o · c. It must be o · tanh(c)."),
    Mistake("gates-exchanged-in-memory", "lstm.2", _C, "c[t] = i * c[t - 1] + f * g",
            "Input and forget gate are exchanged: c = f · c_prev + i · g."),
    Mistake("forget-gate-missing-forward", "lstm.2", _C, "c[t] = c[t - 1] + i * g",
            "The memory before the step is not multiplied by the forget gate."),
    Mistake("memory-not-carried", "lstm.2", _C, "c[t] = f * c0 + i * g",
            "Every step starts from the initial memory. Step t must start from that of step t − 1."),
    Mistake("initial-memory-ignored", "lstm.2", "{-1: c0}", "{-1: zeros(c0)}",
            "The initial memory is ignored: step 0 starts from zero."),
]  # fmt: skip
