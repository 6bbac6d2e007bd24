"""A network that reads a character at a time, compiled: one call for a step of all lanes, from ids to logits.

B lanes, V vocab_size, H hidden_size, S states of a layer. Weights are packed once: the parameters must stay as they
are.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID
from charrnn.nn.kernels.kernels import ids_of
from charrnn.nn.kernels.library import Functions, Plan, call, pointer
from charrnn.nn.kernels.quasi_recurrent import CompiledStreamLayer, CompiledTableLayer
from charrnn.nn.kernels.recurrent import CompiledRecurrentLayer
from charrnn.nn.layers.quasi_recurrent_sources import GATES
from charrnn.nn.parameters import Parameters

if TYPE_CHECKING:
    from charrnn.nn.model import CharModel

LARGEST_TABLES = 1 << 22  # numbers: a larger vocabulary is not tabulated


Argument = int | Array | ctypes.Structure | ctypes.Array[Any] | None


class Lanes(int):
    """A number of lanes that may be lowered and raised again between steps."""


class Calls:
    """Calls of compiled code, in their order, and the arrays that they read and write."""

    def __init__(self, f: Functions) -> None:
        self.f = f
        self.recorded: Plan = []
        self.lanes_at: list[tuple[int, int]] = []  # the call and the argument where the number of lanes stands
        self.alive: list[Any] = []

    def add(self, name: str, *arguments: Argument, f: Functions | None = None) -> None:
        """Record a call, by default in the precision of the others. Of type `Lanes` is the number of lanes in use."""
        self.lanes_at += [(len(self.recorded), k + 1) for k, a in enumerate(arguments) if isinstance(a, Lanes)]
        self.alive += [a for a in arguments if not isinstance(a, int)]
        self.recorded.append(call((f or self.f).address(name), tuple(map(number, arguments))))

    def copy(self, source: Array, target: Array) -> None:
        self.add("copy", source.nbytes, source, target)


def number(argument: Argument) -> int:
    """An argument as compiled code gets it: an array or a structure is its address."""
    if argument is None:
        return 0
    if isinstance(argument, np.ndarray):
        return pointer(argument)
    return int(argument) if isinstance(argument, int) else ctypes.addressof(argument)


def can_step(model: CharModel) -> bool:
    """Whether every layer of a network has compiled steps, and its tables are small enough to be made."""
    kinds = CompiledRecurrentLayer | CompiledStreamLayer | CompiledTableLayer
    tables = model.config.vocab_size * model.config.hidden_size
    return all(isinstance(layer, kinds) for layer in model.layers) and tables <= LARGEST_TABLES


class CompiledStepper:
    """As `Stepper`, for a network whose layers are compiled."""

    def __init__(self, model: CharModel, params: Parameters, lanes: int) -> None:
        dtype, S = params.vector.dtype, model.config.num_experts
        self.model, self.params, self.lanes, self.vocab_size = model, params, lanes, model.config.vocab_size
        self.ids = np.zeros(lanes, np.int64)
        self.fresh = np.zeros(lanes, bool) if model.config.documents else None  # lanes that read a boundary
        self.log_q = np.zeros((S, 1, lanes, self.vocab_size), dtype) if S else None
        self.calls = Calls(model.kernels.functions(dtype))
        ws = model.workspace(1, lanes, dtype)
        self._tables: _Tables | None = None
        self._layers: list[Any] = ws.layers
        # One step by the layers themselves packs every weight.
        start = model.zero_state(lanes, dtype)
        model.forward(params, self.ids[None], start, ws, log_q=self.log_q)
        x = self.ids
        for k, (layer, w) in enumerate(zip(model.layers, self._layers, strict=True)):
            recurrent = isinstance(layer, CompiledRecurrentLayer)
            x = self._recurrent(layer, x, w) if recurrent else self._quasi_recurrent(layer, x, w)
            if k == 0 and ws.experts is not None:
                x = self._experts(x, ws.experts)
        self._readout(x, ws.readout)
        if self._tables is not None:
            self.calls.add("shift", Lanes(lanes), lanes, self.ids, self._tables.row_before)
        self.plan = np.array(self.calls.recorded, np.int64)  # the calls of a step, which `replay` makes
        self._counts = tuple(np.array(self.calls.lanes_at).T)
        self._replay, self._arguments = self.calls.f("replay"), (len(self.plan), pointer(self.plan))
        self.logits: Array = ws.readout.flat_logits
        self.set_state(start)

    def step(self, ids: Array, log_q: Array | None = None) -> Array:
        """Read a character in each lane, (B,); returns logits (B, V), a view that is valid until the next step."""
        ids_of(ids, self.vocab_size, out=self.ids)
        if self.fresh is not None:
            np.equal(self.ids, BOUNDARY_ID, out=self.fresh)
            if self._tables is not None:
                self._tables.row_before[self.fresh] = len(self._tables.u) - 1
        if self.log_q is not None and log_q is not None:
            self.log_q[...] = log_q
        self._replay(*self._arguments)
        return self.logits

    def use(self, lanes: int) -> None:
        """Compute the first lanes only; the others stay as they are. No lane's numbers depend on the others."""
        self.plan[self._counts] = lanes

    def state(self) -> Array:
        """The state after the last step, (L, S, B, H), a copy."""
        return np.array([self._state_of(layer, w) for layer, w in zip(self.model.layers, self._layers, strict=True)])

    def set_state(self, state: Array, lane: int | None = None) -> None:
        """Go on from a state (L, S, B, H), or, in one lane, from (L, S, H)."""
        where = slice(0, self.lanes) if lane is None else slice(lane, lane + 1)
        given = state if lane is None else state[:, :, None]
        for layer, w, of_layer in zip(self.model.layers, self._layers, given, strict=True):
            if isinstance(layer, CompiledRecurrentLayer):
                w.states[:, 0, where] = of_layer
                continue
            w.cells[0, where] = of_layer[0]
            if isinstance(layer, CompiledStreamLayer):
                w.u[0, where] = of_layer[1]
            elif self._tables is not None:
                self._tables.begin(where, of_layer[1])

    def _state_of(self, layer: Any, w: Any) -> Array:
        if isinstance(layer, CompiledRecurrentLayer):
            return np.array(w.states[:, 0])
        u = self._tables.u[self._tables.row_before] if self._tables and w is self._layers[0] else w.u[0]
        return np.array([w.cells[0], u])

    def _recurrent(self, layer: Any, x: Array, w: Any) -> Array:
        B, I, G = self.lanes, layer.inputs.size, w.gates.shape[-1]  # noqa: E741
        w.window.fresh = number(self.fresh) or None
        if w.input is None:
            w.window.ids = pointer(self.ids)
        else:
            self.calls.add("product", Lanes(B), I, G, x, I, w.input.forward_panels, w.gates, G, 0)
        self.calls.add(f"{layer.name}_forward", w.window, 0, Lanes(B))
        for s in range(len(layer.states)):
            self.calls.copy(w.states[s, 1], w.states[s, 0])
        return np.asarray(w.states[0, 1])

    def _quasi_recurrent(self, layer: Any, x: Array, w: Any) -> Array:
        B, H = self.lanes, layer.hidden_size
        w.pooling.fresh = number(self.fresh) or None
        if isinstance(layer, CompiledTableLayer):
            self._tables = _Tables(layer, self.params, w, B)
            w.pooling.ids, w.pooling.ids_before = pointer(self.ids), pointer(self._tables.row_before)
        else:
            panels = w.left.forward_panels, w.right.forward_panels
            self.calls.add("norm_forward", H, 0, Lanes(B), x, self.params[layer.norm], w.u[1], w.r)
            self.calls.add("pairs_forward", B, H, 0, Lanes(B), w.u, *panels, self.fresh, w.gates)
            self.calls.copy(w.u[1], w.u[0])
            w.pooling.x = pointer(x)
        self.calls.add("pool_forward", w.pooling, 0, Lanes(B))
        self.calls.copy(w.cells[1], w.cells[0])
        return np.asarray(w.outputs)

    def _experts(self, x: Array, w: Any) -> Array:
        B, H, V, S = self.lanes, self.model.config.hidden_size, self.vocab_size, self.model.config.num_experts
        self.calls.copy(x, w.x)
        self.calls.add("roots", B, V, S, 0, Lanes(B), self.log_q, w.phi)
        self.calls.add("product", Lanes(B), S * V, H, w.phi, S * V, w.matrix.forward_panels, w.x, H, 1)
        return np.asarray(w.x)

    def _readout(self, x: Array, w: Any) -> None:
        B, H, V, S = self.lanes, self.model.config.hidden_size, self.vocab_size, self.model.config.num_experts
        readout, h = self.model.readout, x
        if readout.norm is not None:
            self.calls.add("norm_forward", H, 0, Lanes(B), x, self.params[readout.norm.name], w.h, w.r)
            h = w.h
        self.calls.add("product", Lanes(B), H, V, h, H, w.matrix.forward_panels, w.logits, V, 0)
        trust: tuple[Any, ...] = (None, None, None, None)
        if w.gates is not None:
            trust = self.log_q, w.gates.weight, self.params["mixture.gate_bias"], w.gates.gates
        self.calls.add("logits_forward", B, V, H, S, 0, Lanes(B), self.params["readout.bias"], h, *trust, w.logits)


class _Tables:
    """The lowest quasi-recurrent layer: what each character of the vocabulary adds, by row, computed once."""

    def __init__(self, layer: CompiledTableLayer, params: Parameters, w: Any, lanes: int) -> None:
        H, V, G, dtype = layer.hidden_size, layer.vocab_size, GATES * layer.hidden_size, params.vector.dtype
        self.embedding = np.array(params["recurrent.embedding"].T, order="C")  # (V, H)
        self.u = np.zeros((lanes + V + 1, H), dtype)  # of each lane's state, of each character, and 0 for boundaries
        self.before, self.table = np.zeros((lanes + V + 1, G), dtype), np.empty((V, G), dtype)
        self.row_before = np.arange(lanes)  # which row of u each lane's last character has, (B,)
        scale = np.empty(V, dtype)
        w.f("norm_forward")(H, 0, V, *map(pointer, (self.embedding, params[layer.norm], self.u[lanes:-1], scale)))
        self._left = w.left.forward(self.u, self.before)
        self._left(lanes, lanes + V)
        self.table[...] = params[layer.bias]
        w.right.forward(self.u[lanes:-1], self.table, add=True)(0, V)
        w.pooling.a, w.pooling.before, w.pooling.x = map(pointer, (self.table, self.before, self.embedding))

    def begin(self, lanes: slice, u: Array) -> None:
        """Go on after a u (B, H) that need not be that of a character."""
        self.u[lanes] = u
        self.row_before[lanes] = np.arange(lanes.start, lanes.stop)
        self._left(lanes.start, lanes.stop)
