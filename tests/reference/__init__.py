"""Executable specifications: the equations as naive loops in float64, slow and easy to read."""
