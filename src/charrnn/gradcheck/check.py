"""Every cell, depth and method in one list of relative errors."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from charrnn.errors import ConfigError
from charrnn.gradcheck.autograd import compare_with_torch
from charrnn.gradcheck.case import Case, make_case
from charrnn.gradcheck.complex_step import compare_with_complex_step
from charrnn.gradcheck.finite_difference import compare_with_finite_differences
from charrnn.gradcheck.trajectory import STEPS, TRAJECTORY_TOLERANCE, follow_torch
from charrnn.gradcheck.twins import TWINS
from charrnn.nn.layers import LAYERS
from charrnn.settings import nearest
from charrnn.threads import blas_threads


class Method(NamedTuple):
    compare: Callable[[Case], Iterator[tuple[str, float]]]
    tolerance: float  # on the relative error


METHODS = {
    "torch": Method(compare_with_torch, 5e-15),
    "complex-step": Method(compare_with_complex_step, 1e-13),
    "finite-difference": Method(compare_with_finite_differences, 1e-7),
}
# Against PyTorch in the reference setting. Deeper stacks of a network that neither forgets nor damps amplify the two
# programs' roundings: three vanilla layers come to 1.3e-15. The largest error seen in the setting itself is 1.04e-15
# (QRNN, on an AMD processor with AVX2; others stay below 7e-16).
REFERENCE = {"layers": 1, "hidden_size": 200, "seq_len": 25}
REFERENCE_TOLERANCE = 2e-15
# With experts, also against PyTorch: their log-probabilities are large numbers that nearly cancel in dλ = Σ d_o ℓ.
EXPERTS_TOLERANCE = 2e-14
ONE_LANE = "one lane: the largest error"
BOUNDARIES = "boundaries inside: the largest error"
LARGE_VOCABULARY = 300
EXPERTS = 2
LOSSES = f"losses of {STEPS} training steps"
PARAMETERS = f"parameters after {STEPS} steps"


class Result(NamedTuple):
    """One array's gradient by back-propagation against one method."""

    cell: str
    layers: int
    parameter: str
    against: str
    relative_error: float
    tolerance: float
    experts: int = 0  # count models that the network knows

    @property
    def network(self) -> str:
        return f"{self.cell} with experts" if self.experts else self.cell

    @property
    def title(self) -> str:
        """The heading of the network's table and of its panel in the figure."""
        return f"{self.network}, {self.layers} layer{'s' if self.layers > 1 else ''}"

    @property
    def passed(self) -> bool:
        return self.relative_error <= self.tolerance  # false for NaN


def available() -> list[str]:
    """The methods that can be run here: PyTorch's needs PyTorch."""
    return [name for name in METHODS if name != "torch" or importlib.util.find_spec("torch")]


def gradcheck(
    cells: Sequence[str] = tuple(LAYERS),
    against: Sequence[str] = tuple(METHODS),
    num_layers: Sequence[int] = (1, 2, 3),
    num_experts: Sequence[int] = (0, EXPERTS),
    *,
    hidden_size: int = 200,
    seq_len: int = 25,
    batch_size: int = 12,
    seed: int = 0,
    kernels: str = "auto",
) -> Iterator[Result]:
    """Compare gradients by back-propagation, on the code that trains, with other methods, array by array.

    Parameters
    ----------
    cells : sequence of str
        Names of registered cells. A cell without a twin in PyTorch is not compared with it.
    against : sequence of {"torch", "complex-step", "finite-difference"}
    num_layers : sequence of int
    num_experts : sequence of int
        How many count models a network knows; 0 is a plain network.
    hidden_size, seq_len, batch_size, seed : int
        Size and randomness of the case; the default size is the reference setting.

    Yields
    ------
    Result
        ‖a − b‖ / (‖a‖ + ‖b‖) for each parameter array, the initial state and, against PyTorch, the final state and the
        loss; along random directions where the method gives directional derivatives. Against PyTorch, also 30 steps of
        training.
    """
    for cell in cells:
        if cell not in LAYERS:
            raise ConfigError(f"cell '{cell}' is not known{nearest(cell, LAYERS)}")
    for method in against:
        if method not in METHODS:
            raise ConfigError(f"method '{method}' is not known{nearest(method, METHODS)}")
        if method not in available():
            raise ConfigError("comparing with PyTorch needs it: pip install torch==2.13.0")
    for cell, experts, layers in itertools.product(cells, num_experts, num_layers):
        size: dict[str, Any] = {
            "hidden_size": hidden_size, "seq_len": seq_len, "num_experts": experts, "seed": seed,
            "kernels": kernels,
        }  # fmt: skip
        case = make_case(cell, layers, **size, batch_size=batch_size)
        alone = make_case(cell, layers, **size, batch_size=1, vocab_size=LARGE_VOCABULARY)
        documents = make_case(cell, layers, **size, batch_size=batch_size, boundaries=True)
        for method in against:
            if method == "torch" and cell not in TWINS:
                continue
            tolerance = METHODS[method].tolerance
            if method == "torch" and experts:
                tolerance = EXPERTS_TOLERANCE
            elif method == "torch" and {"layers": layers, "hidden_size": hidden_size, "seq_len": seq_len} == REFERENCE:
                tolerance = REFERENCE_TOLERANCE
            with blas_threads(1):
                errors = dict(METHODS[method].compare(case))
                # A single lane takes shorter ways through the products, many characters another through sums by id.
                for what, other in ((ONE_LANE, alone), (BOUNDARIES, documents)):
                    errors[what] = float(np.max([error for _, error in METHODS[method].compare(other)]))
            for parameter, error in errors.items():
                limit = max(tolerance, METHODS[method].tolerance) if parameter == BOUNDARIES else tolerance
                yield Result(cell, layers, parameter, method, error, limit, experts)
            if method == "torch":
                with blas_threads(1):
                    path = follow_torch(cell, layers, **size)
                yield Result(cell, layers, LOSSES, method, path.losses, TRAJECTORY_TOLERANCE, experts)
                yield Result(cell, layers, PARAMETERS, method, path.parameters, TRAJECTORY_TOLERANCE, experts)
