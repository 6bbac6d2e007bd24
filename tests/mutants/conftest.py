"""Bugs are planted in the NumPy code, which is the definition; those in the compiled code have a test of their own."""

from tests.kernels_in_use import numpy_kernels

__all__ = ["numpy_kernels"]
