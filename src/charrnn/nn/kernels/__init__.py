"""Compiled twins of the network's parts. The NumPy parts are the definition; these compute the same, faster."""

from __future__ import annotations

from charrnn.nn.kernels.kernels import CHOICES, Kernels

__all__ = ["CHOICES", "Kernels"]
