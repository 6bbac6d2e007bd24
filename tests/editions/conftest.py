"""An edition is compared with the NumPy code, which is the definition."""

from tests.kernels_in_use import numpy_kernels

__all__ = ["numpy_kernels"]
