"""Mistakes of the GRU, in both of its forms."""

from __future__ import annotations

from charrnn.learning.mistakes.mistake import Mistake

_GATES = "d_a_r @ W_r.T + d_a_z @ W_z.T"
_H = "h[t] = (1 - z) * n + z * h[t - 1]"

MISTAKES = [
    Mistake("update-gradient-sign", "gru.4", "d_z = d_h * (h[t - 1] - n)", "d_z = d_h * (n - h[t - 1])",
            "The sign is wrong: ∂h/∂z = h_prev − n."),
    Mistake("update-gradient-incomplete", "gru.4", "d_z = d_h * (h[t - 1] - n)", "d_z = d_h * h[t - 1]",
            "∂h/∂z = h_prev − n: z also takes away from the candidate."),
    Mistake("candidate-gradient-wrong-factor", "gru.4", "d_n = d_h * (1 - z)", "d_n = d_h * z",
            "The candidate is multiplied by 1 − z, and so is its gradient; this takes z."),
    Mistake("candidate-gradient-not-gated", "gru.4", "d_n = d_h * (1 - z)", "d_n = d_h",
            "The candidate's gradient lacks its factor 1 − z."),
    Mistake("direct-path-missing", "gru.5", "d_past = d_h * z", "d_past = 0",
            "h_prev also reaches h directly, through z · h_prev: add d_h · z to its gradient."),
    Mistake("direct-path-not-gated", "gru.5", "d_past = d_h * z", "d_past = d_h",
            "The direct path to h_prev is multiplied by z."),
    Mistake("direct-path-wrong-factor", "gru.5", "d_past = d_h * z", "d_past = d_h * (1 - z)",
            "The direct path to h_prev is multiplied by z, not by 1 − z."),
    Mistake("tanh-derivative-missing", "gru.6", "d_x_n = d_n * (1 - n**2)", "d_x_n = d_n",
            "The gradient passes through the candidate's tanh unchanged. Multiply it by 1 − n²."),
    Mistake("sigmoid-derivative-for-candidate", "gru.6", "d_x_n = d_n * (1 - n**2)", "d_x_n = d_n * n * (1 - n)",
            "The candidate is a tanh: its derivative is 1 − n²."),
    *(Mistake(f"sigmoid-derivative-missing-{k}", "gru.8", f"d_a_{k} = d_{k} * {k} * (1 - {k})", f"d_a_{k} = d_{k}",
              f"The gradient passes through the sigmoid of gate {k} unchanged. Multiply it by {k} (1 − {k}).")
      for k in "rz"),
    *(Mistake(f"tanh-derivative-for-sigmoid-{k}", "gru.8", f"d_a_{k} = d_{k} * {k} * (1 - {k})",
              f"d_a_{k} = d_{k} * (1 - {k}**2)", f"Gate {k} is a sigmoid: its derivative is {k} (1 − {k}).")
      for k in "rz"),
    Mistake("gate-order-backward", "gru.8", "d_a = np.concatenate([d_a_r, d_a_z, d_x_n], axis=1)",
            "d_a = np.concatenate([d_a_z, d_a_r, d_x_n], axis=1)",
            "The gradients of reset and update gate are exchanged."),
    Mistake("gates-exchanged", "gru.4", "d_z = d_h * (h[t - 1] - n)", "d_z = d_h * (n - h[t - 1])",
            "z and 1 − z are exchanged between the passes: what keeps the state going forward must carry its gradient.",
            also=(("d_n = d_h * (1 - z)", "d_n = d_h * z"), ("d_past = d_h * z", "d_past = d_h * (1 - z)"))),
    Mistake("gates-exchanged", "gru.3", _H, "h[t] = z * n + (1 - z) * h[t - 1]",
            "z and 1 − z are exchanged: here z keeps the state, h = (1 − z) n + z h_prev."),
]  # fmt: skip

AFTER = [
    Mistake("reset-gradient-wrong-factor", "gru.7", "d_r = d_x_n * y_n", "d_r = d_x_n * h[t - 1]",
            "The reset gate multiplies the product y_n = W_n h_prev + b, not h_prev itself."),
    Mistake("reset-gate-missing", "gru.7", "d_y_n = d_x_n * r", "d_y_n = d_x_n",
            "The candidate's hidden projection lacks its factor r."),
    Mistake("candidate-weights-without-reset", "gru.7", "d_W += h[t - 1].T @ d_y", "d_W += h[t - 1].T @ d_a",
            "The candidate's hidden projection is multiplied by r, and so is the gradient of its matrix."),
    Mistake("recurrent-gradient-past-the-matrix", "gru.5", "d_next = d_past + d_y @ W.T", "d_next = d_past",
            "h_prev also acts through the products: add Wᵀ d_y of every gate."),
    Mistake("products-take-d-a", "gru.7", "d_next = d_past + d_y @ W.T", "d_next = d_past + d_a @ W.T",
            "The gradient through W_n takes d_x_n · r."),
    Mistake("reset-gate-ignored", "gru.2", "n = np.tanh(x_n + r * y_n)", "n = np.tanh(x_n + y_n)",
            "The reset gate is not used."),
    Mistake("hidden-bias-gradient", "gru.7", "d_bh += d_y.sum(axis=0)", "d_bh += d_a.sum(axis=0)",
            "The hidden bias of the candidate is multiplied by r, and so is its gradient."),
]  # fmt: skip

BEFORE = [
    Mistake("reset-gradient-wrong-factor", "gru.7", "d_r = d_reset * h[t - 1]", "d_r = d_x_n * h[t - 1]",
            "The gradient of the reset gate must come back through the matrix of the candidate."),
    Mistake("reset-gate-missing", "gru.7", "d_past + d_reset * r + d_a_r", "d_past + d_reset + d_a_r",
            "What comes back through the candidate's matrix lacks its factor r."),
    Mistake("candidate-path-missing", "gru.7", "d_past + d_reset * r + d_a_r", "d_past + d_a_r",
            "h_prev also acts through the candidate: add its part."),
    Mistake("gate-paths-missing", "gru.5", " + d_a_r @ W_r.T + d_a_z @ W_z.T", "",
            "h_prev also acts through the products of both gates: add their parts."),
    *(Mistake(f"gate-missing-in-recurrent-gradient-{k}", "gru.5", f" + d_a_{k} @ W_{k}.T", "",
              f"What goes back to the state before and to the input lacks the part of gate {k}.",
              also=(("d_x[t] = d_a @ U.T", f"d_x[t] = d_a @ U.T - d_a_{k} @ np.split(U, 3, axis=1)[{n}].T"),))
      for n, k in enumerate("rz")),
    *(Mistake("wrong-part-of-the-joined-matrix", "gru.5", f"d_past + d_reset * r + {_GATES}",
              f"d_past + {candidate} * r + {gates}",
              "The gradient goes to the state before through rows that belong to the input. Cut W out where h "
              "was joined to x.")
      for rows in ("[:len(W)]", "[-len(W):]")
      for of_n in (f"d_x_n @ np.split(U, 3, axis=1)[2]{rows}.T",)
      for of_gates in (f"d_a_r @ np.split(U, 3, axis=1)[0]{rows}.T + d_a_z @ np.split(U, 3, axis=1)[1]{rows}.T",)
      for candidate, gates in (("d_reset", of_gates), (of_n, _GATES), (of_n, of_gates))),
    Mistake("candidate-weights-without-reset", "gru.7", "d_W_n = (r * h[t - 1]).T @ d_x_n",
            "d_W_n = h[t - 1].T @ d_x_n", 
            "The candidate's matrix multiplies r · h_prev; its gradient pairs with that."),
    Mistake("state-gradient-paired-with-the-wrong-step", "rnn.5", "[h[t - 1].T @ d_a_r, h[t - 1].T @ d_a_z, d_W_n]",
            "[h[t].T @ d_a_r, h[t].T @ d_a_z, (r * h[t]).T @ d_x_n]",
            "dW pairs the gradient of step t with h[t]. It belongs with the state before the step."),
    Mistake("reset-gate-ignored", "gru.2", "n = np.tanh(x_n + (r * h[t - 1]) @ W_n)",
            "n = np.tanh(x_n + h[t - 1] @ W_n)", "The reset gate is not used."),
]  # fmt: skip
