"""Proof that the gradients are right, on the very code that trains: three methods, one table."""

from charrnn.gradcheck.check import METHODS, Result, available, gradcheck
from charrnn.gradcheck.trajectory import TrajectoryResult, follow_torch

__all__ = ["METHODS", "Result", "TrajectoryResult", "available", "follow_torch", "gradcheck"]
