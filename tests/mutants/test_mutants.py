"""Tests that can see: each bug planted here is caught by the test named beside it, which passes without it.

The first fifteen are the kinds that were found in published code or slip in most easily; a test of shapes, or that one
step lowers the loss, catches none of them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from charrnn.batching import batch, chunked, documents, random, sequential
from charrnn.generation import filters, sample
from charrnn.gradcheck import METHODS, available, gradcheck
from charrnn.gradcheck.complex_step import compare_with_complex_step
from charrnn.gradcheck.trajectory import TRAJECTORY_TOLERANCE, follow_torch
from charrnn.ngrams import all_texts, by_document, chains, experts
from charrnn.ngrams.all_texts import OfAllTexts
from charrnn.ngrams.experts import OnText
from charrnn.ngrams.rests import WithoutRests
from charrnn.nn import growth, numerics, one_hot, readout, rms_norm
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN
from charrnn.nn.dropout import Dropout
from charrnn.nn.layers import quasi_recurrent, recurrent
from charrnn.nn.layers.inputs import Inputs
from charrnn.nn.layers.quasi_recurrent import QuasiRecurrentLayer
from charrnn.nn.layers.quasi_recurrent_sources import Stream, Tables
from charrnn.nn.layers.recurrent import RecurrentLayer
from charrnn.nn.mixture import ExpertGates, ExpertInputs
from charrnn.nn.model import CharModel
from charrnn.scoring import evaluation, lines
from charrnn.text import documents as text_documents
from charrnn.text.vocabulary import Vocabulary
from charrnn.training import gradients, schedules
from charrnn.training.optimizers import Adam, Optimizer
from charrnn.training.trainer import Trainer
from tests.contracts import test_batchers, test_boundaries, test_cells, test_layers
from tests.gradients import test_reference
from tests.mutants.planting import planted
from tests.networks import EVERY_CELL, parts, roots, small_case
from tests.training import test_documents, test_init_from
from tests.unit import (
    test_all_texts,
    test_dropout,
    test_experts,
    test_experts_of_documents,
    test_filters,
    test_generation,
    test_mixture,
    test_network,
    test_optimisation,
    test_score_many,
    test_side_by_side,
)

needs_torch = pytest.mark.skipif("torch" not in available(), reason="PyTorch is the oracle: pip install torch==2.13.0")


def complex_step(cell: str, num_layers: int = 2, dropout: float = 0.0, experts: int = 0) -> Callable[[], None]:
    def complex_step_derivatives() -> None:
        case = small_case(cell, num_layers, dropout, experts)
        assert max(error for _, error in compare_with_complex_step(case)) <= METHODS["complex-step"].tolerance

    return complex_step_derivatives


def pytorch(cell: str, num_layers: int = 1) -> Callable[[], None]:
    def gradients_of_pytorch() -> None:
        assert all(r.passed for r in gradcheck([cell], ["torch"], [num_layers], hidden_size=6, seq_len=5))

    return gradients_of_pytorch


def specified(cell: str, index: int) -> Callable[[], None]:
    return named(test_layers.test_outputs_and_final_state_equal_the_specification, cell, index)


def boundaries(cell: str, index: int = 1) -> Callable[[], None]:
    return named(test_boundaries.test_a_layer_reads_a_window_as_it_reads_its_stretches, cell, index, 0.0)


def known(cell: str, num_layers: int) -> Callable[[], None]:
    """A network with experts against the specification of its parts, for what both passes could share."""
    return named(test_mixture.test_logits_equal_the_specification, cell, num_layers)


def trajectory(cell: str) -> Callable[[], None]:
    def thirty_steps_of_pytorch() -> None:
        path = follow_torch(cell, hidden_size=12, seq_len=8)
        assert path.losses <= TRAJECTORY_TOLERANCE
        assert path.parameters <= TRAJECTORY_TOLERANCE

    return thirty_steps_of_pytorch


def contract(test: Callable[..., None], cell: str, num_layers: int = 2, experts: int = 0) -> Callable[[], None]:
    return named(test, cell, num_layers, 0.0, experts)


def named(test: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    def run() -> None:
        test(*arguments)

    run.__name__ = test.__name__
    return run


def batching(test: str, name: str) -> Callable[[], None]:
    return named(getattr(test_batchers.TestEveryStrategy(), test), name)


def model() -> Any:
    return test_generation.make_model()


class Bug(NamedTuple):
    what: str
    owner: Any
    function: str
    old: str
    new: str
    caught_by: Callable[[], None]


UNPACK_LSTM = "(i, f, g, o), (d_i, d_f, d_g, d_o) = step.gates, step.d_gates"
HONEST = named(test_experts.test_where_counts_are_honest_they_know_nothing_of_a_random_text)
OF_DOCUMENTS = test_experts_of_documents
BEFORE = OF_DOCUMENTS.test_what_they_say_along_a_document_does_not_depend_on_those_before_it
POISON = test_cells.test_every_number_in_the_buffers_is_written_before_it_is_read
SECOND = test_cells.test_a_second_step_in_the_same_workspace_gives_the_same_result
SIDE_BY_SIDE = test_side_by_side.test_a_document_is_the_same_whatever_the_number_of_lanes_is
PIECES = test_cells.test_one_long_window_equals_its_pieces_with_the_state_carried
rng = np.random.default_rng

BUGS = [
    # --- the gradient of a layer
    Bug("all gradients are zero", RecurrentLayer, "backward", "self._weight_hh_backward(ws, grads)",
        "ws.d_gates *= 0; self._weight_hh_backward(ws, grads)", complex_step("rnn")),
    Bug("the first time step is skipped", RecurrentLayer, "backward",
        "zip(range(len(steps))[::-1], steps[::-1], lanes(d_outputs)[::-1], strict=True)",
        "zip(range(len(steps))[:0:-1], steps[:0:-1], lanes(d_outputs)[:0:-1], strict=True)",
        complex_step("lstm")),
    Bug("dW pairs d_a with the state after the step", RecurrentLayer, "_weight_hh_backward", "ws.prev_states[0]",
        "ws.states[0, 1:]", complex_step("rnn", 1)),
    Bug("gradients begin as a copy of the parameters", RecurrentLayer, "backward",
        "self._weight_hh_backward(ws, grads)", "self._weight_hh_backward(ws, grads); "
        "grads.vector += 1e-6 * params.vector", complex_step("rnn", 1)),
    Bug("gradients are added to those of the step before", RecurrentLayer, "_weight_hh_backward",
        "np.matmul(h_prev.T, flat(d_hidden), out=d_weight.T)", "d_weight.T[...] += h_prev.T @ flat(d_hidden)",
        contract(SECOND, "rnn")),
    Bug("the bias gradient is of the last step only", Inputs, "backward",
        "np.sum(d_gate, axis=0, out=d_bias)", "d_bias[...] = d_gate[-ws.x.shape[1] :].sum(axis=0)",
        complex_step("gru")),
    Bug("the initial state is ignored", RecurrentLayer, "forward", "ws.states[:, 0] = state", "ws.states[:, 0] = 0.0",
        contract(PIECES, "rnn")),
    Bug("d_state is left over from the last call", RecurrentLayer, "backward", "% 2] = 0.0",
        "% 2] += 0.0", contract(POISON, "lstm")),
    Bug("only the first gate reaches the layer below", Inputs, "backward", "ws.d_x += ws.d_part", "pass",
        complex_step("lstm", 2)),
    Bug("backward multiplies by an old copy of W", RecurrentLayer, "backward", "np.copyto(ws.weight_hh, weight_hh)",
        "ws.__dict__.setdefault('copied', False) or np.copyto(ws.weight_hh, weight_hh); ws.copied = True",
        trajectory("rnn")),
    Bug("GRU: the path around the products is lost", RecurrentLayer, "backward",
        "np.add(d_h_prev, step.scratch, out=d_h_prev)", "d_h_prev[...] = step.scratch", complex_step("gru", 1)),
    # --- cells
    Bug("LSTM: d_f takes the memory after the step", LSTM, "backward", "(_, c_prev), (tanh_c,) = step.prev_state,",
        "(_, c_prev), (tanh_c,) = step.state,", complex_step("lstm", 1)),
    Bug("LSTM: the memory's gradient is dropped", LSTM, "backward", "np.multiply(d_c, f, out=d_c_prev)",
        "d_c_prev[...] = 0.0", complex_step("lstm", 1)),
    Bug("LSTM: the candidate's tanh is not differentiated", LSTM, "backward", "tanh_backward_(d_g, g, scratch)", "pass",
        complex_step("lstm", 1)),
    Bug("LSTM: d_c is replaced, not added to", LSTM, "backward", "d_c += d_o", "d_c[...] = d_o",
        complex_step("lstm", 1)),
    Bug("GRU: the reset gate is left out of d_y_n", GRU, "backward", "np.multiply(d_n, r, out=step.d_hidden_proj[2])",
        "np.copyto(step.d_hidden_proj[2], d_n)", complex_step("gru", 1)),
    Bug("RNN: tanh' is 1 − h", RNN, "before_backward", "np.multiply(h, h, out=d_tanh)",
        "np.multiply(h, 1.0, out=d_tanh)",
        complex_step("rnn", 1)),
    Bug("σ(x) is σ(2x)", numerics, "sigmoid_", "x *= 0.5\n    np.tanh", "np.tanh", complex_step("lstm", 1)),
    # --- the quasi-recurrent layer
    Bug("QRNN: the memory's gradient stops at once", QuasiRecurrentLayer, "backward",
        "np.add(d_c_before, part, out=d_c_before)", "pass", complex_step("qrnn", 1)),
    Bug("QRNN: d_f takes the memory after the step", QuasiRecurrentLayer, "backward",
        "np.subtract(ws.cells[:-1], z, out=d_f)", "np.subtract(ws.cells[1:], z, out=d_f)", complex_step("qrnn", 1)),
    Bug("QRNN: the stream's own gradient is lost", Stream, "backward", "d_x += d_y", "pass",
        complex_step("qrnn", 2)),
    Bug("QRNN: the pair's left half is the same step", Stream, "forward", "u_pairs[1:, :, :H] = u_pairs[:-1, :, H:]",
        "u_pairs[1:, :, :H] = u_pairs[1:, :, H:]", specified("qrnn", 1)),
    Bug("QRNN: u of the state is ignored", Stream, "forward", "u_pairs[0, :, :H] = u", "u_pairs[0, :, :H] = 0.0",
        contract(PIECES, "qrnn")),
    Bug("QRNN: the left half sends nothing back", Stream, "backward", "d_x[:-1] += d_pairs[1:, :, :H]", "pass",
        complex_step("qrnn", 2)),
    Bug("QRNN: the state before the table has no row of its own", Tables, "forward", "np.arange(B)", "0",
        contract(PIECES, "qrnn", 1)),
    Bug("QRNN: the embedding goes without the stream's gradient", Tables, "backward", "d_x += ws.table  #",
        "pass  #", complex_step("qrnn", 1)),
    Bug("QRNN: a short window keeps one of each character's gradients", Tables, "backward",
        "sum_rows_by_id(d_x, ws.inputs.ravel(), out=grads[self.embedding].T)",
        "grads[self.embedding].T[...] = 0.0; grads[self.embedding].T[ws.inputs.ravel()] = d_x",
        named(test_reference.test_a_window_shorter_than_the_vocabulary, "qrnn")),
    Bug("RMSNorm: the row's own length is taken as given", rms_norm.RMSNorm, "backward_", "d_u -= ws.scratch", "pass",
        complex_step("qrnn", 1)),
    Bug("RMSNorm: the mean is a sum", rms_norm.RMSNorm, "forward", "ws.r /= self.size", "pass", specified("qrnn", 0)),
    # --- boundaries inside a window
    Bug("the state leaks across a boundary", recurrent.Workspace, "_forgetting", "self.forgotten[:, t, fresh[t]] = 0.0",
        "pass", boundaries("lstm")),
    Bug("the gradient leaks across a boundary", recurrent.Workspace, "forget",
        "self.d_states[t % 2][:, self.fresh[t]] = 0.0", "pass", boundaries("gru")),
    Bug("only the hidden state's gradient stops at a boundary", recurrent.Workspace, "forget", "[:, self.fresh[t]]",
        "[0, self.fresh[t]]", boundaries("lstm")),
    Bug("dW pairs the first step of a document with the state before", RecurrentLayer, "_weight_hh_backward",
        "ws.prev_states[0]", "ws.states[0, :-1]", boundaries("rnn")),
    Bug("a workspace keeps the boundaries of its last window", recurrent.Workspace, "begin",
        "self.steps, self.states[:, :-1]", "self.steps_read, self.prev_states",
        named(test_boundaries.test_a_workspace_serves_windows_with_and_without_boundaries, "rnn", 1, 0.0, 0)),
    Bug("a boundary at the first step is forgotten", recurrent.Workspace, "begin", "self.states[:, 0, fresh[0]] = 0.0",
        "pass", contract(test_boundaries.test_without_a_boundary_inside_nothing_changes, "gru", 1)),
    Bug("QRNN: the memory leaks across a boundary", quasi_recurrent.Workspace, "begin", "self.read.f[fresh] = 0.0",
        "pass", boundaries("qrnn")),
    Bug("QRNN: d_f sees the memory before a boundary", QuasiRecurrentLayer, "backward",
        "np.negative(z, out=d_f, where=ws.fresh[:, :, None])", "pass", boundaries("qrnn")),
    Bug("QRNN: the character before a boundary is seen", Tables, "forward", "ws.index_before[1:][fresh[1:]] = zero",
        "pass", boundaries("qrnn", 0)),
    Bug("QRNN: the pair reaches across a boundary", Stream, "forward", "u_pairs[..., :H][fresh] = 0.0", "pass",
        boundaries("qrnn")),
    Bug("QRNN: the pair's gradient leaks across a boundary", Stream, "backward", "d_pairs[..., :H][ws.fresh] = 0.0",
        "pass", boundaries("qrnn")),
    Bug("QRNN: the initial state of a fresh lane gets a gradient", QuasiRecurrentLayer, "backward",
        "ws.d_initial_state[:, ws.fresh[0]] = 0.0", "pass", boundaries("qrnn")),
    Bug("only the lowest layer forgets", CharModel, "forward", "dropout_rng, fresh)",
        "dropout_rng, None if k else fresh)",
        named(test_boundaries.test_loss_and_gradients_are_those_of_the_stretches, "gru", 2, 0.0, 0)),
    # --- documents
    Bug("a network of documents remembers", CharModel, "forward", "begins if fresh is None else begins | fresh",
        "fresh", named(test_documents.test_a_network_of_documents_forgets_at_every_boundary, "lstm")),
    Bug("a boundary stands twice after the last document", Vocabulary, "encode_documents",
        "np.array([BOUNDARY_ID], self.id_dtype)", "np.array([BOUNDARY_ID] * 2, self.id_dtype)",
        named(test_documents.TestEncoding().test_a_boundary_stands_before_each_document_and_after_the_last)),
    Bug("contexts look across boundaries", experts.Experts, "_keys",
        "keys_by_document(chain.keys, codes) if self.documents else", "",
        named(BEFORE, "words")),
    Bug("held-out blocks follow the order of the list", experts, "held_out",
        "Shuffled(ids) if experts.documents else None", "None",
        named(OF_DOCUMENTS.test_held_out_counts_do_not_depend_on_the_order_of_the_list, 1 << 20)),
    Bug("a document sees its copies", by_document.Shuffled, "__init__",
        "first.setdefault(documents[k], begin)", "begin",
        named(OF_DOCUMENTS.test_a_document_does_not_see_its_copies)),
    Bug("the first label is taken for a character", chains.Labels, "__init__", "1 + sum(", "2 + sum(",
        named(OF_DOCUMENTS.test_labels_are_remembered_as_far_as_a_context_reaches)),
    Bug("documents in a block of scores see each other", lines, "_scored", "fresh[start, b] = True", "pass",
        named(test_score_many.test_a_model_of_one_text_reads_a_line_after_a_line_end_and_to_the_next, False)),
    Bug("the order of documents is the same in every epoch", documents.Documents, "__init__",
        '"batching", number)', '"batching", 0)',
        named(test_documents.TestOrder().test_an_epoch_reads_nearly_every_symbol_once_in_an_order_of_its_own)),
    Bug("the seed does not decide the split", text_documents, "share_bytes", "key=str(seed).encode()", 'key=b"0"',
        named(test_documents.TestEncoding().test_equal_documents_fall_on_the_same_side_and_new_ones_move_none)),
    Bug("a lane that begins again remembers", sample.Writer, "begin",
        "self.stepper.set_state(self.state[:, :, 0], lane)", "pass", named(SIDE_BY_SIDE, "gru", False, float)),
    Bug("a lane that begins again has the counts of the document before", sample.Writer, "begin",
        "self.reader.begin(lane, self.prompt)", "pass",
        named(SIDE_BY_SIDE, "gru", True, float)),
    Bug("a sample that moves reads another's character", sample.Writer, "move",
        "self._numbers[lane], self._ids[lane] = self._numbers[source], self._ids[source]",
        "self._numbers[lane] = self._numbers[source]",
        named(SIDE_BY_SIDE, "gru", False, float)),
    # --- to start from a model
    Bug("a substitution cipher: ids are not remapped", growth, "grown", "new[:, known] = old[:, source[known]]",
        "known = np.arange(len(wanted)) < len(characters); new[:, known] = old",
        named(test_init_from.test_old_texts_are_read_as_before, "gru", 0)),
    Bug("what the experts say of a character is another's", growth, "grown", "new[:, known] = old[:, source[known]]",
        "known = source >= 0 if name != 'mixture.input_weight' else np.arange(len(wanted)) < len(characters); "
        "new[:, known] = old",
        named(test_init_from.test_old_texts_are_read_as_before, "qrnn", 2)),
    Bug("new characters begin as likely as any", growth, "grown", 'bias if name == "readout.bias" else', "",
        named(test_init_from.test_old_texts_are_read_as_before, "lstm", 0)),
    Bug("a substitution cipher of counts: ids are not remapped", all_texts, "taken_along", "ids[tables.symbols]",
        "tables.symbols.astype(int)", named(test_all_texts.test_what_is_taken_along_says_what_it_said)),
    Bug("counts of all texts are asked for under the new ids", OfAllTexts, "keys", "self.table[codes.astype(np.intp)]",
        "codes", named(test_all_texts.test_what_is_taken_along_says_what_it_said)),
    # --- experts
    Bug("gates of the wrong step", ExpertGates, "forward_", "np.matmul(h, ",
        "np.matmul(np.roll(h, log_q.shape[2], axis=0), ", known("qrnn", 2)),
    Bug("the gates' gradient does not reach h", ExpertGates, "backward", "d_h += ws.d_h", "pass",
        complex_step("lstm", 1, experts=2)),
    Bug("only the first expert's gate is trained", ExpertGates, "backward", "out=ws.d_gates[:, s])",
        "out=ws.d_gates[:, s]); ws.d_gates[:, 1:] = 0.0", complex_step("gru", 1, experts=2)),
    Bug("the bias of the gates is not trained", ExpertGates, "backward",
        'np.sum(ws.d_gates, axis=0, out=grads["mixture.gate_bias"])', 'grads["mixture.gate_bias"][...] = 0.0',
        complex_step("rnn", 1, experts=2)),
    Bug("gates begin at one each", ExpertGates, "initialize", "1 / self.num_experts", "1.0",
        named(test_mixture.test_a_fresh_network_with_a_silent_readout_is_the_geometric_mean_of_its_experts, "rnn", 1)),
    Bug("the network reads q, not its root", ExpertInputs, "forward", "0.5", "1.0", known("qrnn", 1)),
    Bug("the logits get what experts said one step before", ExpertGates, "forward_", "ws.log_q = log_q.reshape(",
        "ws.log_q = np.roll(log_q, 1, axis=1).reshape(", known("lstm", 1)),
    Bug("the network reads what experts said one step before", CharModel, "forward",
        "self.experts.forward(params, x, log_q, ", "self.experts.forward(params, x, np.roll(log_q, 1, axis=1), ",
        known("gru", 2)),
    Bug("what experts say is not part of the stream", ExpertInputs, "forward", "ws.x += outputs", "pass",
        known("qrnn", 2)),
    Bug("dW of the experts is missing", ExpertInputs, "backward",
        'np.matmul(ws.phi.T, flat(d_x), out=grads["mixture.input_weight"].T)',
        'grads["mixture.input_weight"][...] = 0.0', complex_step("qrnn", 1, experts=2)),
    Bug("dW of the experts is taken one layer too high", CharModel, "loss_and_grads", "if k == 0 and", "if k == 1 and",
        complex_step("qrnn", 2, experts=2)),
    Bug("training sees counts that contain the answer", experts, "held_out", "ids, events, blocks, shuffled)", "ids)",
        HONEST),
    Bug("no block is taken out of the counts", WithoutRests, "_rests", "self.stops.take(first) - first, 0)",
        "0, 0 * first)", HONEST),
    Bug("a block is taken out only where it is over", WithoutRests, "_rests", "(first < stop) &", "(first >= stop) &",
        HONEST),
    Bug("experts speak about the input instead of the target", OnText, "log_q", "np.arange(1 - REACH, seq_len)",
        "np.arange(-REACH, seq_len - 1)", named(test_experts.test_experts_speak_of_the_character_that_follows)),
    Bug("networks with experts may be called without them", CharModel, "forward", "(log_q is None) != (S == 0) or",
        "", named(test_mixture.test_a_call_without_what_the_experts_say_is_refused, None)),
    # --- characters, loss, state, dropout
    Bug("a repeated character keeps its last gradient only", one_hot, "sum_rows_by_id",
        "np.matmul(one_hot, rows, out=out)", "out[...] = 0.0; out[ids] = rows",
        named(test_reference.test_rows_gathered_and_summed_by_id_equal_one_hot_products, 40, rng(1))),
    Bug("the same, in long windows", one_hot, "sum_rows_by_id", "ones[: end - start], ordered[start:end]",
        "ones[:1], ordered[end - 1 : end]",
        named(test_reference.test_rows_gathered_and_summed_by_id_equal_one_hot_products, 5000, rng(1))),
    Bug("the gradient is that of the sum over a lane", readout.Readout, "backward", "N = len(d_logits)",
        "N = ws.logits.shape[1]", complex_step("rnn", 1)),
    Bug("the largest logit is not subtracted", readout.Readout, "nats",
        "logits -= real.max(axis=1, keepdims=True)", "pass",
        named(test_network.test_huge_logits_do_not_overflow, np.float64)),
    Bug("the returned state is a view of the workspace", CharModel, "forward",
        "np.array([w.final_state for w in ws.layers])", "ws.layers[0].final_state[None]",
        contract(PIECES, "rnn", 1)),
    Bug("the dropout mask is forgotten on the way back", Inputs, "backward",
        "ws.dropout.backward(ws.d_x, out=ws.d_x)", "ws.d_x", complex_step("gru", 2, 0.4)),
    Bug("the kept numbers are not scaled up", Dropout, "draw", "self.mask /= 1.0 - self.rate", "pass",
        named(test_dropout.test_numbers_are_dropped_at_the_rate_and_the_mean_is_kept, 0.5)),
    Bug("dropout goes on in evaluation", Dropout, "draw", "self.dropped = self.rate > 0 and rng is not None",
        "rng, self.dropped = rng or np.random.default_rng(), self.rate > 0",
        named(test_dropout.test_evaluation_drops_nothing)),
    # --- the optimiser
    Bug("the first moment is not corrected", Adam, "constants",
        "(1.0 - self.beta1**self.t) / (1.0 - self.beta1)", "1.0 / (1.0 - self.beta1)",
        named(test_optimisation.test_adam_equals_the_paper_number_by_number, 0.0, rng(1))),
    Bug("the second moment is corrected without its root", Adam, "constants", "learning_rate * v_correction**0.5",
        "learning_rate * v_correction",
        named(test_optimisation.test_adam_equals_the_paper_number_by_number, 0.0, rng(1))),
    Bug("ε is added before the correction", Adam, "constants",
        "self.eps * v_correction**0.5", "self.eps",
        named(test_optimisation.test_adam_equals_the_paper_number_by_number, 0.0, rng(1))),
    Bug("weight decay goes through the moments' scale", Optimizer, "update_all",
        "1.0 - learning_rate * self.weight_decay", "1.0 - self.weight_decay",
        named(test_optimisation.test_adam_equals_the_paper_number_by_number, 0.1, rng(1))),
    Bug("clipping divides by the square of the norm", gradients, "clip_by_global_norm_", "grads *= max_norm / norm",
        "grads *= max_norm / norm**2",
        named(test_optimisation.test_clipping_keeps_the_direction_and_returns_the_norm_before, rng(1))),
    Bug("clipping lengthens short gradients", gradients, "clip_by_global_norm_", "norm > max_norm and ", "",
        named(test_optimisation.test_short_gradients_are_not_touched, 1e9, rng(1))),
    Bug("warm-up begins one step late", schedules, "learning_rate_at", "(step + 1) / warmup_steps",
        "step / warmup_steps", named(test_optimisation.test_warm_up_rises_in_a_straight_line)),
    # --- batches and the state between them
    Bug("targets are the inputs", batch, "cut", "windows[:-1], windows[1:]", "windows[:-1], windows[:-1]",
        batching("test_a_lane_that_is_not_fresh_goes_on_where_it_was", "sequential")),
    Bug("lanes are rolled the wrong way", sequential.Sequential, "__getitem__",
        "np.arange(self.batch_size) + epoch", "np.arange(self.batch_size) - epoch",
        batching("test_a_lane_that_is_not_fresh_goes_on_where_it_was", "sequential")),
    Bug("the state is kept where the text begins anew", sequential.Sequential, "__getitem__",
        "(parts == 0) & (window == 0) | (index == 0)", "np.full(self.batch_size, index == 0)",
        batching("test_a_lane_that_is_not_fresh_goes_on_where_it_was", "sequential")),
    Bug("the state is zeroed in every window", sequential.Sequential, "__getitem__", "& (window == 0) ", "",
        named(test_batchers.test_sequential_state_is_zeroed_only_at_the_beginning_of_the_text)),
    Bug("the state outlives its chunk", chunked.Chunked, "__getitem__", "window == 0)", "index == 0)",
        batching("test_a_lane_that_is_not_fresh_goes_on_where_it_was", "chunked")),
    Bug("chunks are drawn with replacement", chunked.Chunked, "__init__", ".permutation(self.num_chunks)",
        ".integers(0, self.num_chunks, self.num_chunks)",
        named(test_batchers.test_chunked_reads_every_chunk_once_an_epoch_in_a_new_order)),
    Bug("every block of random starts is the same", random.Random, "__init__", 'stream(config.seed, "batching", block)',
        'stream(config.seed, "batching")',
        named(test_batchers.test_random_starts_are_fresh_and_reach_the_whole_text)),
    Bug("fresh lanes keep their state", Trainer, "_loss_and_grads", "if batch.fresh.any():", "if False:",
        trajectory("rnn")),
    Bug("the state is not carried to the next window", Trainer, "step", "self.state, self.step_count = state, step + 1",
        "self.step_count = step + 1",
        trajectory("lstm")),
    # --- evaluation and generation
    Bug("evaluation begins every window afresh", evaluation, "windows", "_, state = model.forward(",
        "_, _ = model.forward(",
        named(lambda: test_generation.test_scores_are_the_surprise_at_each_character(model()))),
    Bug("evaluation counts the first character", evaluation, "evaluate", "total / (len(ids) - 1)", "total / len(ids)",
        named(lambda: test_generation.test_an_evaluation_is_the_mean_score(model()))),
    Bug("the nucleus leaves out the character that crosses p",
        filters, "top_p", "[:, :-1] >= value", "[:, 1:] >= value",
        named(test_filters.test_top_p_on_a_distribution_worked_out_by_hand)),
]  # fmt: skip

# Wrong in both passes alike, so that only an outside oracle can tell.
CONSISTENT = [
    ("input and forget gates are swapped", LSTM, [
        ("forward", "gates, (i, f, g, o)", "gates, (f, i, g, o)"),
        ("backward", UNPACK_LSTM, "(f, i, g, o), (d_f, d_i, d_g, d_o) = step.gates, step.d_gates"),
    ], pytorch("lstm")),
    ("the loss is averaged over lanes, not characters", readout.Readout, [
        ("nats", "return np.log(ws.norm_sum).astype(exact) - target_logits",
         "return (np.log(ws.norm_sum).astype(exact) - target_logits) * len(ws.logits)"),
        ("backward", "N = len(d_logits)", "N = ws.logits.shape[1]"),
    ], pytorch("rnn")),
]  # fmt: skip


def caught(test: Callable[[], None]) -> bool:
    try:
        with np.errstate(all="ignore"):
            test()
    except AssertionError:
        return True
    return False


def needs_pytorch(test: Callable[[], None]) -> bool:
    return test.__name__ in ("gradients_of_pytorch", "thirty_steps_of_pytorch")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "bug", [pytest.param(b, id=b.what, marks=needs_torch if needs_pytorch(b.caught_by) else ()) for b in BUGS]
)
def test_a_planted_bug_is_caught_by_its_test(bug: Bug) -> None:
    bug.caught_by()
    with planted(bug.owner, bug.function, bug.old, bug.new):
        assert caught(bug.caught_by), f"{bug.caught_by.__name__} does not see it"
    bug.caught_by()


@pytest.mark.parametrize("against", [pytest.param(m, marks=needs_torch if m == "torch" else ()) for m in METHODS])
def test_the_command_sees_both_ways_of_summing_by_character(against: str) -> None:
    ways = {"np.matmul(one_hot, rows, out=out)": "out[...] = 0.0", "ones[: end - start]": "0 * ones[: end - start]"}
    for old, new in ways.items():
        with planted(one_hot, "sum_rows_by_id", old, new):
            assert not all(r.passed for r in gradcheck(["rnn"], [against], [1], hidden_size=6, seq_len=25))


@needs_torch
@pytest.mark.parametrize(("what", "owner", "changes", "test"), CONSISTENT, ids=[c[0] for c in CONSISTENT])
def test_a_bug_in_both_passes_is_caught_by_pytorch(what: str, owner: Any, changes: list, test: Callable) -> None:
    test()
    (first, *one), (second, *two) = changes
    with planted(owner, first, *one), planted(owner, second, *two):
        assert not caught(complex_step("lstm" if owner is LSTM else "rnn", 1))  # consistent with itself
        assert caught(test)


def backwards() -> dict[tuple[type, str], list[str]]:
    """Every function of the way back in every registered network, by class and name, with the cells that run it."""
    found: dict[tuple[type, str], list[str]] = {}
    for cell in EVERY_CELL:
        case = small_case(cell, 2, num_experts=2, kernels="numpy")
        ws = case.workspace()
        for owner in {
            owner for root in (*case.model.parts, *roots(ws)) for part in parts(root) for owner in type(part).__mro__
        }:
            for name in vars(owner):
                if "backward" in name:
                    found.setdefault((owner, name), []).append(cell)
    return dict(sorted(found.items(), key=lambda item: (item[0][0].__name__, item[0][1])))


def statements(owner: Any, name: str) -> list[tuple[int, int]]:
    """First and last line of each statement in a function that changes something, within its source."""
    source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    return [
        (s.lineno, s.end_lineno or s.lineno)
        for s in ast.walk(function)
        if (isinstance(s, ast.Expr) and not isinstance(s.value, ast.Constant))  # no docstring
        or isinstance(s, ast.AugAssign)
        or (isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Subscript))
    ]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("owner", "name", "cells", "span"),
    [
        pytest.param(*place, cells, span, id=f"{place[0].__name__}.{place[1]}-{span[0]}")
        for place, cells in backwards().items()
        for span in statements(*place)
    ],
)
def test_every_line_of_every_backward_matters(owner: Any, name: str, cells: list[str], span: tuple[int, int]) -> None:
    lines = textwrap.dedent(inspect.getsource(getattr(owner, name))).splitlines()
    statement = "\n".join(lines[span[0] - 1 : span[1]])
    indent = statement[: len(statement) - len(statement.lstrip())]
    with planted(owner, name, statement, f"{indent}pass"):
        assert any(
            caught(test)
            for cell in cells
            for test in (
                complex_step(cell),
                contract(POISON, cell),
                complex_step(cell, 2, 0.4),
                complex_step(cell, experts=2),
                contract(POISON, cell, experts=2),
                named(test_reference.test_a_window_shorter_than_the_vocabulary, cell),
                boundaries(cell),
            )
        )


def test_there_are_at_least_twenty_planted_bugs() -> None:
    assert len({bug.what for bug in BUGS}) + len(CONSISTENT) >= 20
