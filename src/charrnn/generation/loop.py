"""The loop that writes one text, compiled: many characters are drawn and read in one call from Python.

It is the twin of `Writer.write` where temperature is the only sampling rule in use; the characters are the same.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.generation.filters import FILTERS, SamplingConfig, temperature
from charrnn.ngrams import CompiledReader, Reader
from charrnn.nn.kernels.library import pointer
from charrnn.nn.kernels.stepper import Calls, CompiledStepper
from charrnn.nn.stepper import Stepper


class CompiledLoop:
    """Writes one text with a stepper, and a reader where the network has experts.

    V vocab_size.
    """

    def __init__(self, stepper: CompiledStepper, reader: CompiledReader | None, config: SamplingConfig) -> None:
        V, double = stepper.vocab_size, stepper.model.kernels.functions(np.dtype(np.float64))
        self.stepper, self._calls, self._u = stepper, Calls(stepper.calls.f), np.empty(1)
        divisor, row = np.array([config["temperature"]], np.float64), np.empty(V)
        self._calls.add("soften", V, stepper.logits, divisor, row)
        self._calls.add("pick", 1, V, row, self._u, stepper.ids, f=double)
        if reader is not None and stepper.log_q is not None:
            reader.add_to(self._calls, stepper.ids, stepper.log_q)
        self._plan = np.array(self._calls.recorded + stepper.plan.tolist(), np.int64)

    def begin(self, logits: Array) -> None:
        """Begin a text, whose first character has these logits, (V,)."""
        self.stepper.logits[0] = logits
        if self.stepper.fresh is not None:
            self.stepper.fresh[:] = False  # no boundary is read: the text ends there

    def write(self, u: Array) -> list[int]:
        """The next ids, one for each random number u (N,) float64. They are the text's up to its first boundary."""
        written = np.empty(len(u), np.int64)
        places = map(pointer, (self._plan, u, self._u, self.stepper.ids, written))
        self.stepper.calls.f("repeat")(len(u), len(self._plan), *places)
        ids: list[int] = written.tolist()
        return ids


def compiled_loop(stepper: Stepper, reader: Reader | None, config: SamplingConfig) -> CompiledLoop | None:
    """A compiled loop, where every part of it is compiled and no rule but temperature is in use."""
    others = (rule.setting for rule in FILTERS.values() if rule is not temperature)
    if not isinstance(stepper, CompiledStepper) or not isinstance(reader, CompiledReader | None):
        return None
    if stepper.lanes > 1 or any(config[rule.name] != rule.default for rule in others):
        return None
    return CompiledLoop(stepper, reader, config)
