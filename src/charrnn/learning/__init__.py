"""For learners: run a backward pass of their own, compare it with ours, and name the mistake."""

from __future__ import annotations

from charrnn.learning.check import check, check_file
from charrnn.learning.report import Report

__all__ = ["Report", "check", "check_file"]
