"""One recurrent layer: the products with the previous state, and the only loop over time. The cell does a step's maths.

T seq_len, B batch_size, H hidden_size, G gates of the cell, S its states, K its saved arrays.

Arrays are gate-major, (G, T, B, H): `i, f, g, o = step.gates` are contiguous, and so is a whole gate over the window,
which makes each weight gradient one product over all T·B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.cells import CELLS
from charrnn.nn.cells.cell import Cell, Step, Window
from charrnn.nn.layers.inputs import Inputs, InputWorkspace, row_blocks
from charrnn.nn.narrow_product import Product, narrow_product
from charrnn.nn.numerics import flat
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform


class Workspace:
    """The arrays of one layer for a window of T steps, allocated once. It belongs to one caller at a time."""

    def __init__(self, cell: Cell, T: int, B: int, H: int, inputs: InputWorkspace, dtype: npt.DTypeLike) -> None:
        G, S, K = len(cell.gates), len(cell.states), len(cell.saved)
        own_d_hidden = cell.gates_the_hidden_projection
        self.inputs = inputs
        self.gates = np.empty((G, T, B, H), dtype)
        self.hidden_proj = np.empty((G, B, H), dtype)
        self.states = np.empty((S, T + 1, B, H), dtype)  # [:, 0] the initial state, [:, t + 1] the state after step t
        self.saved = np.empty((K, T, B, H), dtype)
        self.d_gates = np.empty((G, T, B, H), dtype)
        self.d_hidden_proj = np.empty((G, T, B, H), dtype) if own_d_hidden else self.d_gates
        self.d_states = np.empty((2, S, B, H), dtype)  # step t reads [(t + 1) % 2] and writes [t % 2]
        self.weight_hh = np.empty((G * H, H), dtype)  # W in C order, for the products of the backward loop
        self.back = np.empty((G, B, H), dtype)  # Wᵀ d_a of one step, gate by gate
        self.scratch = np.empty((B, H), dtype)
        self.outputs = self.states[0, 1:]
        named = dict(zip((*cell.states, *cell.saved), (*self.states[:, 1:], *self.saved), strict=True))
        self.shown = named[cell.shown]
        self.final_state = self.states[:, -1]
        self.d_initial_state = self.d_states[0]
        self.prev_states = self.states[:, :-1]  # (S, T, B, H): the state before each step, as the step has read it
        self.forgotten: Array | None = None  # (S, T, B, H): the same where a window has boundaries inside, a copy
        self.fresh: Array | None = None  # (T, B) of the last forward pass
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
        self.steps_read = self.steps  # of the last forward pass
        self.steps_that_forget: list[Step] = []

    def begin(self, fresh: Array | None) -> Iterable[Step]:
        """The steps of a forward pass from `states[:, 0]` on, whose state begins at zero where fresh (T, B) says so.

        A boundary inside the window must leave the state after the step before it as it is: the outputs are views of
        it. The steps then read copies, made on the way.
        """
        self.fresh, self.steps_read, self.prev_states = fresh, self.steps, self.states[:, :-1]
        if fresh is not None:
            self.states[:, 0, fresh[0]] = 0.0
        return self.steps if fresh is None or not fresh[1:].any() else self._forgetting(fresh)

    def _forgetting(self, fresh: Array) -> Iterator[Step]:
        if self.forgotten is None:
            self.forgotten = np.empty_like(self.states[:, 1:])
            before = lanes(self.forgotten)
            self.steps_that_forget = [
                step._replace(prev_state=tuple(before[:, t])) for t, step in enumerate(self.steps)
            ]
        self.steps_read, self.prev_states = self.steps_that_forget, self.forgotten
        for t, step in enumerate(self.steps_that_forget):
            self.forgotten[:, t] = self.states[:, t]
            self.forgotten[:, t, fresh[t]] = 0.0
            yield step

    def forget(self, t: int) -> None:
        """In the backward pass, after step t: no gradient reaches the state before a boundary."""
        if self.fresh is not None and (t == 0 or self.steps_read is not self.steps):
            self.d_states[t % 2][:, self.fresh[t]] = 0.0


def lanes(array: Array) -> Array:
    """An array (…, B, H); (…, H) where there is a single lane, since NumPy takes less time over vectors."""
    return array[..., 0, :] if array.shape[-2] == 1 else array


class RecurrentLayer:
    """A layer that runs a cell.

    Array names and shapes are those of `torch.nn.RNN`, `LSTM` and `GRU`, except that one bias replaces PyTorch's two
    where these are only added (only cells that gate the hidden projection have `bias_hh`). Dropout acts on the inputs
    from the layer below.
    """

    parallel_in_time = False
    residual = False

    def __init__(self, cell: Cell, index: int, config: ModelConfig) -> None:
        self.cell, self.states, self.hidden_size = cell, cell.states, config.hidden_size
        self.inputs = Inputs.of_layer(index, len(cell.gates), config)
        self.dropout = self.inputs.dropout
        rows = len(cell.gates) * config.hidden_size
        shapes = {"weight_ih": (rows, self.inputs.size), "weight_hh": (rows, config.hidden_size), "bias_ih": (rows,)}
        if cell.gates_the_hidden_projection:
            shapes["bias_hh"] = (rows,)
        self.names = {name: f"recurrent.{name}_l{index}" for name in shapes}
        self.layout = {self.names[name]: shape for name, shape in shapes.items()}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        weights = {name: params[full_name] for name, full_name in self.names.items()}
        self.cell.initialize(weights, rng, self.inputs.reads_characters)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Workspace:
        inputs = self.inputs.workspace(seq_len, batch_size, dtype)
        return Workspace(self.cell, seq_len, batch_size, self.hidden_size, inputs, dtype)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Workspace,
        dropout_rng: Uniform | None = None,
        fresh: Array | None = None,
    ) -> Array:
        """Run a window. inputs (T, B) ids or (T, B, H); state (S, B, H) is read; returns outputs (T, B, H), a view.

        A cell knows nothing of boundaries: it finds zeros in prev_state where fresh (T, B) says so.
        """
        bias_hh = params[self.names["bias_hh"]].reshape(-1, 1, self.hidden_size) if "bias_hh" in self.names else None
        self.inputs.forward(params, inputs, ws.inputs, ws.gates, dropout_rng)
        ws.states[:, 0] = state
        product = self._hidden_product(params[self.names["weight_hh"]], ws.hidden_proj)
        for step in ws.begin(fresh):
            product(step.prev_state[0])  # W h_prev for every gate, into ws.hidden_proj
            if bias_hh is not None:
                ws.hidden_proj += bias_hh
            self.cell.forward(step)
        return ws.outputs

    def backward(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> Array | None:
        """Back through the window of the last forward pass; this layer's arrays in `grads` are overwritten.

        Step t finds d_h, without the part from its own output, in d_state[0], where step t + 1 has left it. The cell
        turns it into d_gates and d_hidden_proj, both kept for the whole window. Wᵀ d_hidden_proj then goes to
        d_prev_state[0], or, if the cell has written its own part there, to scratch, and is added.
        """
        weight_hh = params[self.names["weight_hh"]]
        if ws.scratch.shape[0] > 1:
            np.copyto(ws.weight_hh, weight_hh)  # with few rows, a product with a transposed matrix is up to 4x slower
            weight_hh = ws.weight_hh
        carries_hidden = self.cell.carries_hidden
        outs = [ws.scratch] * 2 if carries_hidden else ws.d_states[:, 0]  # for even steps and for odd ones
        backward_products = [self._backward_product(weight_hh, ws, lanes(out)) for out in outs]
        ws.d_states[len(ws.steps) % 2] = 0.0  # nothing comes from beyond the window: the gradient is truncated there
        self.cell.before_backward(Window(ws.gates, ws.states, ws.prev_states, ws.saved, ws.d_gates))
        steps = ws.steps_read
        for t, step, d_output in zip(range(len(steps))[::-1], steps[::-1], lanes(d_outputs)[::-1], strict=True):
            d_h, d_h_prev = step.d_state[0], step.d_prev_state[0]
            np.add(d_h, d_output, out=d_h)
            self.cell.backward(step)
            backward_products[t % 2](step)
            if carries_hidden:
                np.add(d_h_prev, step.scratch, out=d_h_prev)
            ws.forget(t)
        self._weight_hh_backward(ws, grads)
        return self.inputs.backward(params, ws.d_gates, ws.inputs, grads)

    def _weight_hh_backward(self, ws: Workspace, grads: Parameters) -> None:
        """[rnn.5] and its like, over all T·B rows at once."""
        h_prev = flat(ws.prev_states[0])
        for d_hidden, d_weight in zip(ws.d_hidden_proj, self._blocks(grads, "weight_hh"), strict=True):
            np.matmul(h_prev.T, flat(d_hidden), out=d_weight.T)
        if "bias_hh" in self.names:
            for d_hidden, d_bias in zip(ws.d_hidden_proj, self._blocks(grads, "bias_hh"), strict=True):
                np.sum(flat(d_hidden), axis=0, out=d_bias)

    def _hidden_product(self, weight_hh: Array, hidden_proj: Array) -> Product:
        """Make the function that writes W h_prev to hidden_proj (G, B, H)."""
        G, B, H = hidden_proj.shape
        if G == 1 or B == 1:  # (G, B, H) and (B, G·H) are then the same numbers in the same order: one product for all
            return narrow_product(weight_hh.T, lanes(hidden_proj.reshape(B, G * H)))
        return narrow_product(weight_hh.reshape(G, H, H).transpose(0, 2, 1), hidden_proj)

    def _backward_product(self, weight_hh: Array, ws: Workspace, out: Array) -> Callable[[Step], object]:
        """Make the function that writes Wᵀ d_hidden_proj of a step to `out`, summed over the gates."""
        G, H = len(self.cell.gates), self.hidden_size
        if G == 1:
            to_out = narrow_product(weight_hh, out)
            return lambda step: to_out(step.d_hidden_proj[0])
        by_gate, to_back = lanes(ws.back), narrow_product(weight_hh.reshape(G, H, H), ws.back)

        def product(step: Step) -> None:
            to_back(step.d_hidden_proj_block)
            np.sum(by_gate, axis=0, out=out)

        return product

    def _blocks(self, arrays: Parameters, name: str) -> list[Array]:
        """The rows of each gate, as views: (H, …) for each of G."""
        return row_blocks(arrays[self.names[name]], len(self.cell.gates))


def recurrent_layer(index: int, config: ModelConfig) -> RecurrentLayer:
    """Layer number `index` of a network that runs a registered cell."""
    return RecurrentLayer(CELLS[config.cell](), index, config)
