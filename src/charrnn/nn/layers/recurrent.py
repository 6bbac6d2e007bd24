"""One recurrent layer: every matrix product, and the only loop over time. The cell does the maths of a step.

T seq_len, B batch_size, H hidden_size, I inputs, G gates of the cell, S its states, K its saved arrays, V characters.

Arrays are gate-major, (G, T, B, H): `i, f, g, o = step.gates` are contiguous, and so is a whole gate over the window,
which makes each weight gradient one product over all T·B rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.cells import CELLS
from charrnn.nn.cells.cell import Cell, Step, Window
from charrnn.nn.dropout import Dropout
from charrnn.nn.narrow_product import Product, narrow_product
from charrnn.nn.numerics import flat
from charrnn.nn.one_hot import gather_rows, sum_rows_by_id
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform


class Workspace:
    """The arrays of one layer for a window of T steps, allocated once. It belongs to one caller at a time."""

    def __init__(self, cell: Cell, T: int, B: int, H: int, dropout: float, dtype: npt.DTypeLike) -> None:
        G, S, K = len(cell.gates), len(cell.states), len(cell.saved)
        own_d_hidden = cell.gates_the_hidden_projection
        self.gates = np.empty((G, T, B, H), dtype)
        self.hidden_proj = np.empty((G, B, H), dtype)
        self.states = np.empty((S, T + 1, B, H), dtype)  # [:, 0] the initial state, [:, t + 1] the state after step t
        self.saved = np.empty((K, T, B, H), dtype)
        self.d_gates = np.empty((G, T, B, H), dtype)
        self.d_hidden_proj = np.empty((G, T, B, H), dtype) if own_d_hidden else self.d_gates
        self.d_states = np.empty((2, S, B, H), dtype)  # step t reads [(t + 1) % 2] and writes [t % 2]
        self.d_inputs = np.empty((T, B, H), dtype)
        self.weight_hh = np.empty((G * H, H), dtype)  # W in C order, for the products of the backward loop
        self.back = np.empty((G, B, H), dtype)
        self.scratch = np.empty((B, H), dtype)
        self.dropout = Dropout(dropout, (T, B, H), dtype) if dropout else None
        self.dropped = False  # whether the last forward pass dropped anything
        self.inputs: Array | None = None  # of the last forward pass: ids (T, B), or what the layer below let through
        self.outputs = self.states[0, 1:]
        self.final_state = self.states[:, -1]
        self.d_initial_state = self.d_states[0]
        self.back_lanes = lanes(self.back)
        gates, hidden_proj, states, saved, d_gates, d_hidden_proj, d_states, scratch = map(
            lanes,
            (self.gates, self.hidden_proj, self.states, self.saved, self.d_gates, self.d_hidden_proj, self.d_states,
             self.scratch),
        )  # fmt: skip
        self.steps = [
            Step(
                gates=tuple(gates[:, t]),
                gates_block=gates[:, t],
                hidden_proj=tuple(hidden_proj),
                hidden_proj_block=hidden_proj,
                prev_state=tuple(states[:, t]),
                state=tuple(states[:, t + 1]),
                saved=tuple(saved[:, t]),
                d_state=tuple(d_states[(t + 1) % 2]),
                d_gates=tuple(d_gates[:, t]),
                d_hidden_proj=tuple(d_hidden_proj[:, t]),
                d_hidden_proj_block=self.d_hidden_proj[:, t],
                d_prev_state=tuple(d_states[t % 2]),
                scratch=scratch,
            )
            for t in range(T)
        ]


def lanes(array: Array) -> Array:
    """An array (…, B, H); (…, H) where there is a single lane, since NumPy takes less time over vectors."""
    return array[..., 0, :] if array.shape[-2] == 1 else array


class RecurrentLayer:
    """Layer number `index` of a network; layer 0 reads characters, the others the outputs of the layer below.

    Array names and shapes are those of `torch.nn.RNN`, `LSTM` and `GRU`, except that one bias does where PyTorch's two
    are only ever added (`bias_hh` exists just for cells that gate the hidden projection). Dropout acts on the inputs
    from the layer below.
    """

    parallel_in_time = False
    residual = False

    def __init__(self, cell: Cell, index: int, input_size: int, hidden_size: int, dropout: float = 0.0) -> None:
        self.cell, self.index, self.input_size, self.hidden_size = cell, index, input_size, hidden_size
        self.dropout = dropout if index else 0.0
        self.states = cell.states
        rows = len(cell.gates) * hidden_size
        shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size), "bias_ih": (rows,)}
        if cell.gates_the_hidden_projection:
            shapes["bias_hh"] = (rows,)
        self.names = {name: f"recurrent.{name}_l{index}" for name in shapes}
        self.layout = {self.names[name]: shape for name, shape in shapes.items()}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        weights = {name: params[full_name] for name, full_name in self.names.items()}
        self.cell.initialize(weights, rng, active_inputs=1 if self.index == 0 else self.input_size)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Workspace:
        return Workspace(self.cell, seq_len, batch_size, self.hidden_size, self.dropout, dtype)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Workspace,
        dropout_rng: Uniform | None = None,
    ) -> Array:
        """Run a window. inputs (T, B) ids or (T, B, I); state (S, B, H) is read; returns outputs (T, B, H), a view."""
        bias_hh = params[self.names["bias_hh"]].reshape(-1, 1, self.hidden_size) if "bias_hh" in self.names else None
        ws.dropped = dropout_rng is not None and ws.dropout is not None
        if dropout_rng is not None and ws.dropout is not None:
            inputs = ws.dropout.forward(inputs, dropout_rng)
        ws.inputs = inputs
        ws.states[:, 0] = state
        self._project_inputs(params, inputs, ws)
        product = self._hidden_product(params[self.names["weight_hh"]], ws.hidden_proj)
        for step in ws.steps:
            product(step.prev_state[0])  # W h_prev for every gate, into ws.hidden_proj
            if bias_hh is not None:
                ws.hidden_proj += bias_hh
            self.cell.forward(step)
        return ws.outputs

    def backward(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> Array | None:
        """Back through the window of the last forward pass; this layer's arrays in `grads` are overwritten.

        Returns the gradient of the inputs (T, B, I), a view, or None where they are characters.
        """
        weight_hh = params[self.names["weight_hh"]]
        if ws.scratch.shape[0] > 1:
            np.copyto(ws.weight_hh, weight_hh)  # with few rows, a product with a transposed matrix is up to 4x slower
            weight_hh = ws.weight_hh
        products = self._back_products(weight_hh, ws)
        # Nothing comes from beyond the window: the gradient is truncated there.
        ws.d_states[len(ws.steps) % 2] = 0.0
        self.cell.before_backward(Window(ws.gates, ws.states, ws.saved, ws.d_gates))
        for t, step, d_output in zip(range(len(ws.steps))[::-1], ws.steps[::-1], lanes(d_outputs)[::-1], strict=True):
            d_h, d_h_prev = step.d_state[0], step.d_prev_state[0]
            np.add(d_h, d_output, out=d_h)
            self.cell.backward(step)
            through_products = step.scratch if self.cell.hidden_bypasses else d_h_prev  # Wᵀ d_a, summed over the gates
            if len(self.cell.gates) == 1:
                products[t % 2](step.d_hidden_proj[0])
            else:
                products[0](step.d_hidden_proj_block)
                np.sum(ws.back_lanes, axis=0, out=through_products)
            if self.cell.hidden_bypasses:
                np.add(d_h_prev, through_products, out=d_h_prev)
        return self._weight_gradients(params, ws, grads)

    def _project_inputs(self, params: Parameters, inputs: Array, ws: Workspace) -> None:
        """U x_t + b for the whole window at once: a gather where x_t is a character, else one product for each gate."""
        weight_ih, bias_ih = params[self.names["weight_ih"]], params[self.names["bias_ih"]]
        for gate, weight, bias in zip(ws.gates, self._blocks(weight_ih), self._blocks(bias_ih), strict=True):
            if self.index == 0:
                gather_rows(weight.T, inputs.ravel(), out=flat(gate))
            else:
                np.matmul(flat(inputs), weight.T, out=flat(gate))
            gate += bias

    def _weight_gradients(self, params: Parameters, ws: Workspace, grads: Parameters) -> Array | None:
        """[rnn.5], [rnn.6] and their like, over all T·B rows at once."""
        assert ws.inputs is not None
        h_prev = flat(ws.states[0, :-1])
        for k in range(len(self.cell.gates)):
            d_gate, d_hidden = flat(ws.d_gates[k]), flat(ws.d_hidden_proj[k])
            block = {name: self._blocks(grads[full_name])[k] for name, full_name in self.names.items()}
            np.matmul(h_prev.T, d_hidden, out=block["weight_hh"].T)
            np.sum(d_gate, axis=0, out=block["bias_ih"])
            if "bias_hh" in block:
                np.sum(d_hidden, axis=0, out=block["bias_hh"])
            if self.index == 0:
                sum_rows_by_id(d_gate, ws.inputs.ravel(), out=block["weight_ih"].T)
            else:
                np.matmul(flat(ws.inputs).T, d_gate, out=block["weight_ih"].T)
        if self.index == 0:
            return None
        blocks = self._blocks(params[self.names["weight_ih"]])
        np.matmul(flat(ws.d_gates[0]), blocks[0], out=flat(ws.d_inputs))
        for d_gate, weight in zip(ws.d_gates[1:], blocks[1:], strict=True):
            flat(ws.d_inputs)[...] += flat(d_gate) @ weight
        if ws.dropped and ws.dropout is not None:
            ws.dropout.backward_(ws.d_inputs)
        return ws.d_inputs

    def _hidden_product(self, weight_hh: Array, hidden_proj: Array) -> Product:
        """Computes W h_prev into hidden_proj (G, B, H)."""
        G, B, H = hidden_proj.shape
        if G == 1 or B == 1:  # (G, B, H) and (B, G·H) are then the same numbers in the same order: one product for all
            return narrow_product(weight_hh.T, lanes(hidden_proj.reshape(B, G * H)))
        return narrow_product(weight_hh.reshape(G, H, H).transpose(0, 2, 1), hidden_proj)

    def _back_products(self, weight_hh: Array, ws: Workspace) -> list[Product]:
        """Compute Wᵀ d_a: of a single gate into where step t wants it, by t % 2; of several into ws.back."""
        if len(self.cell.gates) > 1:
            return [narrow_product(weight_hh.reshape(-1, self.hidden_size, self.hidden_size), ws.back)]
        outs = [ws.scratch] * 2 if self.cell.hidden_bypasses else list(ws.d_states[:, 0])
        return [narrow_product(weight_hh, lanes(out)) for out in outs]

    def _blocks(self, array: Array) -> list[Array]:
        """The rows of each gate, as views: (H, …) for each of G."""
        H = self.hidden_size
        if len(array) == H:
            return [array]
        return [array[k * H : (k + 1) * H] for k in range(len(self.cell.gates))]


def recurrent_layer(index: int, config: ModelConfig) -> RecurrentLayer:
    """Layer number `index` of a network of recurrent layers."""
    input_size = config.hidden_size if index else config.vocab_size
    return RecurrentLayer(CELLS[config.cell](), index, input_size, config.hidden_size, config.dropout)
