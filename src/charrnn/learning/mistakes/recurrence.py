"""Mistakes around the products and the loop over time, which every network has: [rnn.1], [rnn.4] to [rnn.6]."""

from __future__ import annotations

from charrnn.learning.mistakes.mistake import Mistake

_ADD = "d_h = d_out[t] + d_next"
_W, _U, _B = "d_W += h[t - 1].T @ d_a", "d_U += x[t].T @ d_a", "d_b += d_a.sum(axis=0)"
_NEXT = "d_next = d_a @ W.T"

_READOUT = "d_V += h[t].T @ d_o\n        d_c += d_o.sum(axis=0)"
_A = "a = x[t] @ U + h[t - 1] @ W + b"


LOOP = [
    Mistake("recurrent-gradient-missing", "rnn.4", _ADD, "d_h = d_out[t]",
            "The gradient from the next step is not added: d_h = (from the readout of step t) + (from step t + 1)."),
    Mistake("recurrent-gradient-overwrites", "rnn.4", _ADD, "d_h = d_out[t] if t == T - 1 else d_next",
            "The gradient from the next step replaces that of the step's own output. They must be added."),
    Mistake("recurrent-gradient-twice", "rnn.4", _ADD, "d_h = d_out[t] + 2 * d_next",
            "The gradient from the next step is added twice."),
    Mistake("recurrent-gradient-of-the-last-step", "rnn.4", _ADD, "d_h = d_out[t] + d_last",
            "The gradient from the next step is never updated in the loop: every step adds that of the last."),
    Mistake("first-step-skipped", "rnn.5", "for t in reversed(range(T))", "for t in reversed(range(1, T))",
            "The backward loop ends at t = 1. It must include t = 0."),
    Mistake("first-step-skipped", "rnn.5", "for t in reversed(range(T))", "for t in reversed(range(1, T))",
            "The backward loop ends at t = 1. It must include t = 0.",
            in_head=(_READOUT, "d_V += h[t].T @ d_o * (t > 0)\n        d_c += d_o.sum(axis=0) * (t > 0)")),
    Mistake("last-step-skipped", "rnn.5", "for t in reversed(range(T))", "for t in reversed(range(T - 1))",
            "The backward loop begins one step too early. It must include the last step, t = T − 1.",
            in_head=(_READOUT, "d_V += h[t].T @ d_o * (t < T - 1)\n        d_c += d_o.sum(axis=0) * (t < T - 1)")),
    Mistake("last-step-skipped", "rnn.5", "for t in reversed(range(T))", "for t in reversed(range(T - 1))",
            "The backward loop begins one step too early. It must include the last step, t = T − 1."),
    Mistake("forward-order", "rnn.4", "for t in reversed(range(T))", "for t in list(range(T))",
            "The backward loop runs from the first step to the last. Gradients flow from the last step to the first."),
    Mistake("recurrent-gradient-clipped", "rnn.4", _ADD, "d_h = d_out[t] + clip_at(5.0, d_next)",
            "The gradient is clipped at every step, inside the loop. Clip the sums, once, after the loop.", large=True),
    Mistake("gradient-clipped-before-summed", "rnn.4", _ADD, "d_h = clip_at(5.0, d_out[t] + d_next)",
            "The gradient is clipped at every step, inside the loop. Clip the sums, once, after the loop.", large=True),
    Mistake("truncated-to-the-last-output", "rnn.4", _ADD, "d_h = (d_out[t] if t == T - 1 else 0) + d_next",
            "Only the last step's output sends a gradient back. Add that of every step."),
]  # fmt: skip

_OTHER_ORDER = ("dU pairs the gradients of (time step, lane) with the inputs of (lane, time step): one of the two was "
                "flattened in the other order.")  # fmt: skip
INPUTS = [
    Mistake("target-for-input", "rnn.6", _U, "d_U += p['y'][t].T @ d_a",
            "dU pairs d_a with the target. It belongs with the input, x[t]."),
    Mistake("input-gradient-paired-with-the-wrong-lane", "rnn.6", _U,
            "d_U += x.swapaxes(0, 1).reshape(x.shape)[t].T @ d_a",
            _OTHER_ORDER),
    Mistake("input-gradient-paired-with-the-wrong-lane", "rnn.6", _U,
            "d_U += x.reshape(x.swapaxes(0, 1).shape).swapaxes(0, 1)[t].T @ d_a", _OTHER_ORDER),
    Mistake("input-gradient-of-one-step", "rnn.6", _U, "d_U = x[t].T @ d_a",
            "dU is overwritten at every step of the loop. Contributions of all steps add: use +=."),
    Mistake("input-gradient-paired-with-the-wrong-step", "rnn.6", _U, "d_U += x[t - 1].T @ d_a * (t > 0)",
            "dU pairs d_a of step t with x of step t − 1. It belongs with x[t]."),
    Mistake("repeated-characters-lost", "rnn.6", _U, "d_U[x[t].any(axis=0)] = (x[t].T @ d_a)[x[t].any(axis=0)]",
            "A character that occurs again overwrites its earlier gradient. Repeated characters must add up "
            "(np.add.at, or one += for each)."),
    Mistake("repeated-characters-lost", "rnn.6", _U,
            "d_U[x[t].any(axis=0)] = only_last(x[t], d_a)[x[t].any(axis=0)]",
            "A character that occurs again, or that two lanes read, overwrites its earlier gradient. Use np.add.at."),
    Mistake("repeated-characters-lost", "rnn.6", _U, "d_U += only_last(x[t], d_a, d_U)",
            "dU[ids] += … counts a character that occurs again once: NumPy reads all rows, then adds. Use np.add.at."),
    Mistake("repeated-characters-lost", "rnn.6", _U, "d_U += only_last(x[t], d_a)",
            "dU[ids] += … counts a character that several lanes read once: NumPy reads all rows before it adds. Use "
            "np.add.at."),
    Mistake("bias-gradient-of-one-step", "rnn.6", _B, "d_b = d_a.sum(axis=0)",
            "db is overwritten at every step of the loop: what is left is that of one step. Use +=."),
    Mistake("bias-gradient-of-the-last-step", "rnn.6", _B, "d_b += d_a.sum(axis=0) * (t == T - 1)",
            "db holds the last step only. Sum over all steps."),
    Mistake("bias-gradient-without-first-step", "rnn.6", _B, "d_b += d_a.sum(axis=0) * (t > 0)",
            "db lacks the first step."),
    Mistake("mean-for-sum", "rnn.6", _B, "d_b += d_a.mean(axis=0)",
            "db is the mean over the lanes. The bias is shared by all of them: take the sum."),
    Mistake("input-gradient-to-x-not-through-U", "rnn.6", "d_x[t] = d_a @ U.T", "d_x[t] = d_h @ U[:, :d_h.shape[1]].T",
            "d_x takes d_h. It must take d_a, the gradient of the pre-activation."),
]  # fmt: skip

PRODUCT = [
    Mistake("recurrent-matrix-transposed", "rnn.4", _NEXT,
            "d_next = d_a @ blocks_transposed(W).T",
            "The gradient goes back through W as the state came forward. Going back takes the transpose, Wᵀ."),
    Mistake("recurrent-gradient-past-the-matrix", "rnn.4", _NEXT,
            "d_next = sum(np.split(d_a, W.shape[1] // len(W), axis=1))",
            "What goes to the step before is d_a itself. Multiply it by Wᵀ."),
    Mistake("wrong-part-of-the-joined-matrix", "rnn.4", _NEXT, "d_next = d_a @ U[-len(W):].T",
            "The gradient goes to the state before through rows that belong to the input. Cut W out where h was joined "
            "to x."),
    Mistake("wrong-part-of-the-joined-matrix", "rnn.4", _NEXT, "d_next = d_a @ U[:len(W)].T",
            "The gradient goes to the state before through rows that belong to the input. Cut W out where h was joined "
            "to x."),
    Mistake("recurrent-gradient-accumulates", "rnn.4", _NEXT, "d_next = d_next + d_a @ W.T",
            "What goes to the step before is added to what came from the step after. It replaces it: = instead of +=."),
    Mistake("state-gradient-paired-with-the-wrong-step", "rnn.5", _W, "d_W += h[t].T @ d_a",
            "dW pairs d_a[t] with h[t]. It belongs with the state before the step, h[t − 1]."),
    Mistake("state-gradient-without-initial-state", "rnn.5", _W, "d_W += h[t - 1].T @ d_a * (t > 0)",
            "dW takes the state before the first step to be zero. It is the initial state, h0."),
    Mistake("state-gradient-wraps-around", "rnn.5", _W, "d_W += h[t - 1 if t else T - 1].T @ d_a",
            "At t = 0, h[t − 1] is h[−1], the last state. It must be the initial state."),
    Mistake("gradients-of-one-step", "rnn.5", _W, "d_W = h[t - 1].T @ d_a",
            "The gradients are overwritten at every step of the loop. Contributions of all steps add: use +=.",
            also=((_U, "d_U = x[t].T @ d_a"), (_B, "d_b = d_a.sum(axis=0)"))),
    Mistake("gradients-of-the-last-step", "rnn.5", _W, "d_W += h[t - 1].T @ d_a * (t == T - 1)",
            "The gradients hold the last step only. Sum over all steps.",
            also=((_U, "d_U += x[t].T @ d_a * (t == T - 1)"), (_B, "d_b += d_a.sum(axis=0) * (t == T - 1)"))),
    Mistake("state-gradient-of-one-step", "rnn.5", _W, "d_W = h[t - 1].T @ d_a",
            "dW is overwritten at every step of the loop. Contributions of all steps add: use +=."),
    Mistake("state-gradient-of-the-last-step", "rnn.5", _W, "d_W += h[t - 1].T @ d_a * (t == T - 1)",
            "dW holds the last step only. Sum over all steps."),
    Mistake("state-gradient-clipped-before-summed", "rnn.5", _W, "d_W += clip_at(5.0, h[t - 1].T @ d_a)",
            "Each step's part of dW is clipped before it is added. Clip the sum.", large=True),
    Mistake("joined-input-of-the-wrong-step", "rnn.5", _W, "d_W += h[t - 2 if t else T - 2].T @ d_a",
            "The gradient of step t is paired with the input and the state of step t − 1. It belongs with x[t] and "
            "h[t − 1].", also=((_U, "d_U += x[t - 1].T @ d_a"),)),
    Mistake("bias-missing", "rnn.1", _A, "a = x[t] @ U + h[t - 1] @ W", "The forward pass does not add the bias b."),
    Mistake("recurrent-matrix-transposed-forward", "rnn.1", _A,
            "a = x[t] @ U + h[t - 1] @ blocks_transposed(W) + b",
            "The forward pass multiplies the state by Wᵀ instead of W."),
    Mistake("state-not-carried", "rnn.1", _A, "a = x[t] @ U + h0 @ W + b",
            "Every step starts from the initial state. Step t must start from the state of step t − 1."),
    Mistake("state-not-carried", "rnn.1", _A, "a = x[t] @ U + h0 @ W + b",
            "Every step starts from the initial state. Step t must start from the state of step t − 1.",
            also=((_W, "d_W += h0.T @ d_a"),)),
    Mistake("recurrence-missing", "rnn.1", _A, "a = x[t] @ U + b", "The forward pass does not use the state before."),
]  # fmt: skip

# A network whose state is a gate away: the same with all rows that depend on d_h.
RNN_ONLY = [
    Mistake("cache-of-the-last-step", "rnn.3", "d_a = d_h * (1 - h[t] ** 2)", "d_a = d_h * (1 - h[T - 1] ** 2)",
            "Every step of the backward loop takes what the last step kept. Step t takes its own: cache[t].",
            also=((_U, "d_U += x[T - 1].T @ d_a"), (_W, "d_W += h[T - 2].T @ d_a"))),
    Mistake("recurrent-gradient-without-tanh-derivative", "rnn.4", _NEXT, "d_next = d_h @ W.T",
            "d_h goes back through W before tanh′ has been applied. Take d_a = d_h (1 − h²).", where="rnn"),
    Mistake("state-gradient-without-tanh-derivative", "rnn.5", _W, "d_W += h[t - 1].T @ d_h",
            "dW takes d_h. It must take d_a = d_h (1 − h²).", where="rnn"),
    Mistake("input-gradient-without-tanh-derivative", "rnn.6", _U, "d_U += x[t].T @ d_h",
            "dU takes d_h. It must take d_a = d_h (1 − h²).", where="rnn"),
    Mistake("bias-gradient-without-tanh-derivative", "rnn.6", _B, "d_b += d_h.sum(axis=0)",
            "db takes d_h. It must take d_a = d_h (1 − h²).", where="rnn"),
    Mistake("recurrent-matrix-missing-in-bias", "rnn.6", _B, "d_b += (d_out[t] * (1 - h[t] ** 2)).sum(axis=0)",
            "db lacks what comes from later steps.", where="rnn"),
]  # fmt: skip

NOT_FILLED_YET = Mistake("initial-state-ignored", "rnn.1", "{-1: h0}", "{-1: zeros(h0)}",
                         "Step 0 starts from zero, not from the initial state: h[−1] is the last row, which is not yet "
                         "filled. In the backward pass it is the last state.",
                         also=((_W, "d_W += h[t - 1 if t else T - 1].T @ d_a"),))  # fmt: skip
INITIAL_STATE = Mistake("initial-state-ignored", "rnn.1", "{-1: h0}", "{-1: zeros(h0)}",
                        "The initial state is ignored: step 0 starts from zero, so the state is not carried from one "
                        "window to the next.")  # fmt: skip

MISTAKES = [INITIAL_STATE, NOT_FILLED_YET, *LOOP, *PRODUCT, *INPUTS]


def of_gates(gates: str, product: str, matrix: str, label: str) -> list[Mistake]:
    """Mistakes in the products of single gates, through a `matrix` that all share, if there is one, and to x."""
    count = len(gates)
    return [
        *(Mistake(f"not-transposed-{k}", label, f"{product} @ W.T", f"{product} @ blocks_transposed(W, {n}).T",
                  f"The gradient of gate {k} goes back through its matrix as the state came. Take the transpose.")
          for n, k in enumerate(gates) if matrix),
        *(Mistake(f"gate-missing-in-input-gradient-{k}", "rnn.6", "d_x[t] = d_a @ U.T",
                  f"d_x[t] = d_a @ U.T - {'d_x_n' if k == 'n' else f'd_a_{k}'} "
                  f"@ np.split(U, {count}, axis=1)[{n}].T",
                  f"What goes to the input lacks the part of gate {k}: add that of all {count}.")
          for n, k in enumerate(gates)),
    ]  # fmt: skip


def without_product() -> list[Mistake]:
    """For the GRU, whose product takes d_y instead of d_a."""
    return [INITIAL_STATE, *LOOP, *INPUTS, *(
        m._replace(line=m.line.replace("@ d_a", "@ d_y"), wrong=m.wrong.replace("@ d_a", "@ d_y"))
        for m in PRODUCT if m.line == _W
    )]  # fmt: skip


def around() -> list[Mistake]:
    """For networks with products of their own: the loop, the inputs and the bias."""
    return [INITIAL_STATE, *LOOP, *INPUTS]
