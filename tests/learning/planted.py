"""Mistakes planted in the right programs: file, the line, the wrong line, and the names by which it may be called.

The programs are in `right/`; each is written in another style.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

RIGHT = Path(__file__).with_name("right")


class Planted(NamedTuple):
    file: str
    line: str
    wrong: str
    name: str  # of the mistake
    equation: str
    function: str = ""

    @property
    def program(self) -> str:
        source = (RIGHT / f"{self.file}.py").read_text(encoding="utf-8")
        assert source.count(self.line) == 1, (self.file, self.line, source.count(self.line))
        return source.replace(self.line, self.wrong)


PLANTED = [
    Planted("min_char_rnn", "Why.T @ dy + dhnext", "Why.T @ dy", "recurrent-gradient-missing", "rnn.4"),
    Planted("min_char_rnn", "dhraw = (1 - hs[t] ** 2) * dh", "dhraw = dh", "tanh-derivative-missing", "rnn.3"),
    Planted("min_char_rnn", "dhraw @ hs[t - 1].T", "dhraw @ hs[t].T",
            "state-gradient-paired-with-the-wrong-step", "rnn.5"),
    Planted("min_char_rnn", "dhnext = Whh.T @ dhraw", "dhnext = Whh @ dhraw", "recurrent-matrix-transposed", "rnn.4"),
    Planted("min_char_rnn", "        dbh += dhraw", "        dbh = dhraw", "bias-gradient-of-one-step", "rnn.6"),
    Planted("min_char_rnn", "        dhnext = Whh.T @ dhraw", "        dhnext = np.clip(Whh.T @ dhraw, -5, 5)",
            "recurrent-gradient-clipped", "rnn.4"),
    Planted("min_char_rnn", "hs[len(inputs) - 1]\n", "hs[0]\n", "state-not-carried", "rnn.1"),
    Planted("min_char_rnn", "reversed(range(len(inputs)))", "reversed(range(1, len(inputs)))",
            "first-step-skipped", "rnn.5"),
    Planted("dd2424", "grads[\"W\"] = dA @ H[:, :-1].T", "grads[\"W\"] = dA @ H[:, 1:].T",
            "state-gradient-paired-with-the-wrong-step", "rnn.5"),
    Planted("dd2424", "G = (P - Y) / n", "G = P - Y", "mean-for-sum", "readout.4"),
    Planted("dd2424", "dA.sum(axis=1, keepdims=True)", "dA.mean(axis=1, keepdims=True)", "mean-for-sum", "rnn.6"),
    Planted("dd2424", "    H[:, [0]] = h0\n", "", "initial-state-ignored", "rnn.1"),
    Planted("dd2424_object", "-(Y[:, t : t + 1] - p[t])", "Y[:, t : t + 1] - p[t]", "gradient-sign", "readout.4"),
    Planted("dd2424_object", "grad_a = grad_h * (1 - h[t + 1] ** 2)", "grad_a = grad_h * (1 - h[t] ** 2)",
            "tanh-derivative-of-the-step-before", "rnn.3"),
    Planted("dd2424_object", "g.W += grad_a @ h[t].T", "g.W += h[t] @ grad_a.T", "transposed", "rnn.5"),
    Planted("cs231n_rnn", "rnn_step_backward(dh[:, t] + dprev, cache[t])", "rnn_step_backward(dh[:, t], cache[t])",
            "recurrent-gradient-missing", "rnn.4"),
    Planted("cs231n_rnn", "        dWh += dWh_t", "        dWh = dWh_t", "state-gradient-of-one-step", "rnn.5"),
    Planted("cs231n_rnn", "dz.sum(axis=0)\n    return dx", "dz.mean(axis=0)\n    return dx", "mean-for-sum", "rnn.6",
            "rnn_step_backward"),
    Planted("cs231n_lstm", "np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])",
            "np.hstack([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)])", "gate-order-backward",
            "lstm.8", "lstm_step_backward"),
    Planted("cs231n_lstm", "dc = dnext_c + dnext_h * o * (1 - tc**2)", "dc = dnext_h * o * (1 - tc**2)",
            "memory-gradient-not-added", "lstm.4", "lstm_step_backward"),
    Planted("cs231n_lstm", "dc = dnext_c + dnext_h * o * (1 - tc**2)", "dc = (dnext_c + dnext_h * o * (1 - tc**2)) * f",
            "factor-too-many", "lstm.4", "lstm_step_backward"),
    Planted("cs231n_lstm", "dc = dnext_c + dnext_h * o * (1 - tc**2)", "dc = np.abs(dnext_c + dnext_h * o)",
            "", "lstm.4", "lstm_step_backward"),
    Planted("cs231n_lstm", "dprev_c = dc * f\n", "dprev_c = dc\n", "forget-gate-missing", "lstm.7",
            "lstm_step_backward"),
    Planted("coursera_rnn", "(1 - a_next**2) * da_next", "(1 - a_next) * da_next", "tanh-derivative-without-square",
            "rnn.3", "rnn_cell_backward"),
    Planted("coursera_lstm", "dc * c_prev * ft", "dc * c_next * ft",
            "forget-gradient-paired-with-the-wrong-step", "lstm.6"),
    Planted("coursera_lstm", "dit = dc * cct * it * (1 - it)", "dit = dc * cct * (1 - np.square(it))",
            "tanh-derivative-for-sigmoid-i", "lstm.8"),
    Planted("coursera_names", "dy[Y[t]] -= 1", "pass", "target-not-subtracted", "readout.4"),
    Planted("coursera_names", "gradients[\"dWya\"] += dy @ a[t].T", "gradients[\"dWya\"] += dy @ a[t - 1].T",
            "readout-gradient-paired", "readout.5"),
    Planted("plain_batched", "np.add.at(grads[\"Wx\"], inputs, d_a)", "grads[\"Wx\"][inputs] += d_a",
            "repeated-characters-lost", "rnn.6"),
    Planted("plain_batched", "d_o /= T * B", "d_o /= B", "mean-for-sum", "readout.4"),
    Planted("plain_batched", "h[0] = h0", "h[0] = 0", "initial-state-ignored", "rnn.1"),
    Planted("plain_batched", "d_next = d_a[t] @ Wh.T", "d_next = (d_h[t] + d_next) @ Wh.T",
            "recurrent-gradient-without-tanh-derivative", "rnn.4"),
    Planted("plain_lists", "dh_next = W.T @ da", "dh_next = W @ da", "recurrent-matrix-transposed", "rnn.4"),
    Planted("gru_plain", "dn = dh * z * (1 - n**2)", "dn = dh * (1 - z) * (1 - n**2)",
            "candidate-gradient-wrong-factor", "gru.4"),
    Planted("gru_plain", "dh = dh * (1 - z) + drh", "dh = drh", "direct-path-missing", "gru.5"),
    Planted("gru_cell", "dn * r])", "dn])", "reset-gate-missing", "gru.7"),
    Planted("gru_cell", "dr = dn * h_n *", "dr = dn * h_prev *", "reset-gradient-wrong-factor", "gru.7"),
    Planted("lstm_joined", "dc = dc + dh * o * (1 - th**2)", "dc = dc + dh * o * (1 - c_new**2)",
            "tanh-derivative-of-the-memory", "lstm.4"),
    Planted("lstm_joined", "dh * th * o", "dh * c_new * o", "tanh-missing-in-output-gradient", "lstm.5"),
    Planted("plain_class", "da = (self.Why.T @ dy + dn) * (1 - hs[t] ** 2)",
            "da = self.Why.T @ dy * (1 - hs[t] ** 2)",
            "recurrent-gradient-missing", "rnn.4"),
    Planted("plain_pair", "dh = params[\"W_hy\"].T @ do + dh_next",
            "dh = params[\"W_hy\"].T @ np.clip(do, -1, 1) + dh_next\n"
            "        dh = np.clip(dh, -1, 1)", "gradient-clipped-before-summed", "rnn.4"),
    Planted("gru_sequence", "da = np.hstack([dr, dz, dn])", "da = np.hstack([dz, dr, dn])",
            "gate-order-backward", "gru.8"),
    Planted("lstm_lanes", "dc_n = dc * f", "dc_n = dc", "forget-gate-missing", "lstm.7"),
    Planted("coursera_names", "gradients[\"da_next\"] = parameters", "gradients[\"da_next\"] += parameters",
            "recurrent-gradient-accumulates", "rnn.4"),
    Planted("plain_batched", "return loss, grads, h[-1]", "return loss, grads, h0", "state-not-carried", "rnn.1"),
    # lines that the catalogue does not have, found in the source of the reference
    Planted("lstm_blog", "di = dC * C_bar_s[t]", "di = dC * C_s[t]", "wrong-operand", "lstm.6"),
    Planted("gru_class", "dz = dh * (hp - n) * z", "dz = dh * (hp + n) * z", "wrong-sign", "gru.4"),
    Planted("gru_class", 'drh = dn @ p["Whn"].T', 'drh = dn @ p["Whn"]', "not-transposed", "gru.7"),
    Planted("lstm_gates", "dc_next = dc * f\n", "dc_next = dc * f + dc_next\n", "accumulated", "lstm.7"),
    Planted("lstm_gates", "dc * i * (1 - g * g)", "dc * i * (1 - g)", "term-missing", "lstm.8"),
    Planted("cs231n_modules", "dh[:, t] + dprev_h", "dh[:, -1] + dprev_h", "wrong-step", "rnn.4", "rnn_backward"),
    Planted("cs231n_modules", "rnn_step_forward(x[:, t, :], prev,", "rnn_step_forward(x[:, t, :], h[:, t - 1],",
            "initial-state-ignored", "rnn.1", "rnn_backward"),
    Planted("stateful_class", "dy[targets[t]] -= 1", "dy[targets[t]] = 1",
            "target-assigned-not-subtracted", "readout.4"),
    Planted("joined", "(da @ W.T)[:, vocab:]", "(da @ W.T)[:, :hidden]", "wrong-part-of-the-joined-matrix", "rnn.4"),
    Planted("coursera_gru", "dconcat = parameters[\"Wu\"].T @ du + parameters", "dconcat = parameters",
            "gate-missing-in-recurrent-gradient-z", "gru.5"),
    Planted("lanes_one_hot", "H[t - 1].T.dot(delta)", "H[t - 1].T.dot(dS[t - 1].dot(V.T))", "wrong-operand", "rnn.5"),
    Planted("boxes", "da @ hs[t - 1].T", "da @ hs[t].T", "state-gradient-paired-with-the-wrong-step", "rnn.5"),
    # in programs whose layout, or whose gates, the first ones do not have
    Planted("dd2424_book", "grad_a[:, [tau - 1]] = grad_h * (1 - np.tanh(A[:, [tau - 1]]) ** 2)",
            "grad_a[:, [tau - 1]] = grad_h", "last-step-differs", "rnn.3"),
    Planted("generator_steps", "np.exp(logits - m).sum(-1, keepdims=True)",
            "np.exp(logits - m).sum(1, keepdims=True)", "softmax-over-the-lanes", "readout.2"),
    Planted("generator_steps", "grads[\"b_h\"] += da.sum(0)",
            "grads[\"b_h\"] += da.sum()", "wrong-axis", "rnn.6"),
    Planted("generator_steps", "np.add.at(grads[\"W_xh\"], x, da)",
            "np.add.at(grads[\"W_xh\"], targets[0], da)", "", "rnn.6"),
    Planted("lstm_keeps_cache", " + self.Wo.T @ do",
            "", "gate-missing-in-recurrent-gradient-o", "rnn.4"),
    Planted("lstm_two_biases", "        g_[\"bias_hh\"] += da.sum(0)\n",
            "", "never-computed", "rnn.6"),
    Planted("gru_letters", "dUh += dhb @ (rs[t] * hs[t - 1]).T",
            "dUh += dhb @ hs[t - 1].T", "candidate-weights-without-reset", "gru.7"),
    Planted("gru_two_biases", "np.hstack([dr, dz, dn * r])",
            "np.hstack([dr, dz, dn])", "reset-gate-missing", "gru.7"),
    Planted("bptt_double_loop", "range(t, max(-1, t - self.bptt_truncate - 1), -1)",
            "range(t, max(-1, t - 1), -1)", "recurrent-gradient-missing", "rnn.4"),
    Planted("bptt_double_loop", "self.W.T.dot(delta) * (1 - s[step - 1] ** 2)",
            "self.W.T.dot(delta) * (1 - s[step] ** 2)", "tanh-derivative-of-the-step-after", "rnn.3"),
    Planted("lanes_in_columns", "G[\"by\"] += dy.sum(axis=1, keepdims=True)",
            "G[\"by\"] += dy.mean(axis=1, keepdims=True)", "mean-for-sum", "readout.5"),
    Planted("lanes_in_columns", "dy = (ps[t] - ys[t]) / B",
            "dy = ps[t] - ys[t]", "mean-for-sum", "readout.4"),
    Planted("lanes_in_columns", "G[\"Wxh\"] += dz @ xs[t].T",
            "G[\"Wxh\"] += dz @ ys[t].T", "target-for-input", "rnn.6"),
    Planted("dd2424_vectorised", "return E / np.sum(E, axis=0)",
            "return E / np.sum(E, axis=1, keepdims=True)", "softmax-over-the-steps", "readout.2"),
    Planted("lstm_keeps_gradients", "+ dc_next\n",
            "+ dc_next * f\n", "factor-too-many", "lstm.4"),
    Planted("lstm_gates_lanes", "dWho += hs[t - 1].T @ do",
            "dWho += hs[t].T @ do", "state-gradient-paired-with-the-wrong-step", "rnn.5"),
    Planted("lstm_gates_lanes", "dbo += do.sum(0)",
            "dbo += di.sum(0)", "array-of-another", "rnn.6"),
    Planted("coursera_lstm_loop", "np.tanh(c_next) * ot * (1 - ot)",
            "np.tanh(c_prev) * ot * (1 - ot)", "wrong-operand", "lstm.5", "lstm_cell_backward"),
    Planted("coursera_lstm_loop", "g[k] = g.get(k, 0) + step[k]",
            "g[k] = step[k]", "gradients-of-one-step", "rnn.5", "lstm_backward"),
    Planted("gru_gates_step", "dx = dr @ Wxr.T + dz @ Wxz.T + dn @ Wxn.T",
            "dx = dr @ Wxr.T + dz @ Wxz.T", "gate-missing-in-input-gradient-n", "rnn.6"),
    Planted("gru_gates_class", "self.Whz.T @ dz",
            "self.Whz @ dz", "not-transposed-z", "gru.5"),
    Planted("gru_gates_class", "G[\"bz\"] += dz",
            "G[\"bz\"] += dr", "array-of-another", "rnn.6"),
    Planted("lstm_columns_class", "dh = self.W_h.T @ da", "dh = dh + self.W_h.T @ da", "accumulated", "rnn.4"),
    Planted("lstm_columns_class", "dh * th * o * (1 - o)", "dh * th * f * (1 - f)", "wrong-operand", "lstm.8"),
    Planted("gru_joined_rows", "+ dz1[V:]", "+ dz1[:n]", "wrong-part-of-the-joined-matrix", "gru.5"),
    Planted("gru_joined_rows", "du = dh * (c - h_old)", "du = dh * c", "term-missing", "gru.4"),
    Planted("gru_kernels", "dz = ds * (prev - c)", "dz = ds * (c - prev)", "update-gradient-sign", "gru.4"),
    Planted("layer_lists", "dh_prev = np.dot(dt, Wh.T)", "dh_prev = np.dot(dt, Wh)",
            "recurrent-matrix-transposed", "rnn.4"),
    Planted("flat_states", "gc += err", "gc += y[t]", "readout-bias-without-target", "readout.5"),
    # two at once
    Planted("min_char_rnn", "        dhraw = (1 - hs[t] ** 2) * dh\n        dbh += dhraw",
            "        dhraw = dh\n        dbh = dhraw", "tanh-derivative-missing", "rnn.3"),
]  # fmt: skip
