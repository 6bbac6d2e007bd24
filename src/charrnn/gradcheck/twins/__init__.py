"""The same networks in PyTorch, for comparison. A cell's twin is one line in TWINS; a cell may do without."""

from __future__ import annotations

from typing import Any, Protocol

from charrnn.arrays import Array
from charrnn.gradcheck.twins.qrnn import TorchQRNN
from charrnn.gradcheck.twins.torch_modules import MODULES, TorchModule
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters


class Twin(Protocol):
    """A network in float64, with the weights copied by name."""

    torch: Any  # the library, imported when the twin is made

    def __init__(self, model: CharModel, params: Parameters) -> None: ...

    def parameters(self) -> dict[str, Any]:
        """Return the trained parameters under our names."""

    def loss(
        self, inputs: Array, targets: Array, states: list[Any], log_q: Array | None = None
    ) -> tuple[Any, list[Any]]:
        """Return the mean cross-entropy of a window, and the states after it; a state is (L, B, H).

        log_q (num_experts, T, B, V) is what the experts of the network say, if it has any.
        """


TWINS: dict[str, type[Twin]] = {**dict.fromkeys(MODULES, TorchModule), "qrnn": TorchQRNN}
