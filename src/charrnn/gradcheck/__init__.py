"""Proof that the gradients are right, on the very code that trains: three methods, one table."""

from charrnn.gradcheck.check import METHODS, Result, available, gradcheck

__all__ = ["METHODS", "Result", "available", "gradcheck"]
