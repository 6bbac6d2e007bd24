"""Mistakes of the readout and its loss."""

from __future__ import annotations

from functools import partial

from charrnn.learning.mistakes.mistake import HEAD, Mistake

_DO, _DV, _DC = "d_o = (prob - y[t]) / N", "d_V += h[t].T @ d_o", "d_c += d_o.sum(axis=0)"
_O, _P = "o = h[t] @ V + c", "prob = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)"
_Mistake = partial(Mistake, where=HEAD)

MISTAKES = [
    _Mistake("target-not-subtracted", "readout.4", _DO, "d_o = prob / N",
             "The gradient of the logits is p. It must be p − one_hot(target)."),
    _Mistake("gradient-sign", "readout.4", _DO, "d_o = (y[t] - prob) / N",
             "The sign is wrong: the gradient of the logits is p − y, not y − p. The loss would rise."),
    _Mistake("softmax-derivative-twice", "readout.4", _DO, "d_o = (prob - y[t]) * prob * (1 - prob) / N",
             "p − y is the gradient of softmax and cross-entropy together. With p (1 − p), softmax counts twice."),
    _Mistake("target-assigned-not-subtracted", "readout.4", _DO, "d_o = np.where(y[t] > 0, 1, prob) / N",
             "The target's entry is set to 1. Subtract 1 from it: p − y."),
    _Mistake("target-assigned-not-subtracted", "readout.4", _DO, "d_o = np.where(y[t] > 0, -1, prob) / N",
             "The target's entry is set to −1. Subtract 1 from it: p − y."),
    _Mistake("target-not-scaled", "readout.4", _DO, "d_o = prob / N - y[t]",
             "p is divided by the number of characters, and then 1 is subtracted. Divide p − y."),
    _Mistake("target-of-the-wrong-lane", "readout.4", _DO, "d_o = (prob - y.swapaxes(0, 1).reshape(y.shape)[t]) / N",
             "The targets are flattened in another order than the probabilities."),
    _Mistake("target-of-the-wrong-lane", "readout.4", _DO,
             "d_o = (prob - y.reshape(y.swapaxes(0, 1).shape).swapaxes(0, 1)[t]) / N",
             "The targets are flattened in another order than the probabilities."),
    _Mistake("recurrence-takes-p", "readout.5", "d_out[t] = d_o @ V.T", "d_out[t] = (prob / N) @ V.T",
             "The state's gradient takes p. It must take p − one_hot(target), as dV does."),
    _Mistake("target-of-the-wrong-step", "readout.4", _DO, "d_o = (prob - y[t - 1]) / N",
             "The gradient of step t takes the target of step t − 1."),
    _Mistake("input-for-target", "readout.4", _DO, "d_o = (prob - np.eye(len(c))[inputs[t]]) / N",
             "The input is subtracted from p. It must be the target, the next character."),
    _Mistake("readout-gradient-paired-with-the-wrong-step", "readout.5", _DV, "d_V += h[t - 1].T @ d_o * (t > 0)",
             "dV pairs d_o[t] with the state before the step. The readout of step t reads h[t]."),
    _Mistake("readout-gradient-paired-with-carried-state", "readout.5", _DV, "d_V += h[t - 1].T @ d_o",
             "dV pairs d_o[t] with the state before the step. The readout of step t reads h[t]."),
    _Mistake("readout-gradient-of-one-step", "readout.5", _DV, "d_V = h[t].T @ d_o",
             "dV is overwritten at every step of the loop. Contributions of all steps add: use +=."),
    _Mistake("readout-gradient-of-the-last-step", "readout.5", _DV, "d_V += h[t].T @ d_o * (t == T - 1)",
             "dV holds the last step only. Sum over all steps."),
    _Mistake("readout-gradient-takes-the-pre-activation", "readout.5", _DV, "d_V += np.arctanh(h[t]).T @ d_o",
             "dV takes the pre-activation a. The readout reads h = tanh(a)."),
    _Mistake("readout-bias-of-one-step", "readout.5", _DC, "d_c = d_o.sum(axis=0)",
             "dc is overwritten at every step of the loop: what is left is that of one step. Use +=."),
    _Mistake("readout-bias-of-the-last-step", "readout.5", _DC, "d_c += d_o.sum(axis=0) * (t == T - 1)",
             "dc holds the last step only. Sum over all steps."),
    _Mistake("readout-bias-without-target", "readout.5", _DC, "d_c += prob.sum(axis=0) / N",
             "dc sums p. It must sum p − one_hot(target)."),
    _Mistake("readout-bias-missing", "readout.1", _O, "o = h[t] @ V", "The logits lack the bias c."),
    _Mistake("readout-of-the-state-before", "readout.1", _O, "o = h[t - 1] @ V + c",
             "The logits of step t are made from h[t − 1]. They must be made from h[t]."),
    _Mistake("target-shifted-in-the-loss", "readout.3", "[y[t] > 0].sum()", "[y[t - 1] > 0].sum()",
             "The loss of step t takes the target of step t − 1."),
    _Mistake("input-in-the-loss", "readout.3", "[y[t] > 0].sum()", "[np.eye(len(c))[inputs[t]] > 0].sum()",
             "The loss takes the probability of the input. It must be that of the target, the next character."),
    _Mistake("loss-of-the-last-step", "readout.3", "loss += -np.log", "loss += -(t == T - 1) * np.log",
             "The loss is that of the last step only: use +=."),
    _Mistake("loss-sign", "readout.3", "loss += -np.log", "loss += np.log", "The loss lacks its minus: it is −log p."),
    _Mistake("softmax-not-normalised", "readout.2", _P, "prob = np.exp(o)", "exp(o) is not divided by its sum."),
    _Mistake("softmax-over-the-lanes", "readout.2", _P, "prob = np.exp(o) / np.exp(o).sum()",
             "exp(o) is divided by the sum over everything. Each step's and lane's probabilities must sum to 1."),
    *(_Mistake("softmax-over-the-lanes", "readout.2", _P, f"prob = {each} / ({each}).sum(axis=0)",
               "exp(o) is divided by the sum over the lanes. Sum over the characters: a step's and lane's "
               "probabilities must sum to 1.")
      for each in ("np.exp(o)", "np.exp(h[t] @ V + c)", "np.exp(h[t] @ V + c - (h[t] @ V + c).max())")),
    *(_Mistake("softmax-over-the-steps", "readout.2", _P,
               f"prob = {each.format('t')} / sum({each.format('s')} for s in range(T)){total}",
               "exp(o) is divided by a sum over the steps. Sum over the characters: each step's probabilities must sum "
               "to 1.")
      for total in ("", ".sum(axis=1, keepdims=True)", ".sum()")
      for each in ("np.exp(h[{0}] @ V + c)", "np.exp(h[{0}] @ V + c - (h[{0}] @ V + c).max(axis=1, keepdims=True))")),
    _Mistake("softmax-over-one-entry", "readout.2", _P, "prob = np.ones_like(o)",
             "exp(o) is divided by itself: the sum runs along an axis of length 1. Sum over the characters."),
    _Mistake("readout-gradient-clipped-before-summed", "readout.5", _DV, "d_V += clip_at(5.0, h[t].T @ d_o)",
             "Each step's part of dV is clipped before it is added. Clip the sum.", large=True),
]  # fmt: skip
