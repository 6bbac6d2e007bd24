"""Every test here runs with the NumPy code, and again with its compiled twin."""

from tests.kernels_in_use import both_kernels

__all__ = ["both_kernels"]
