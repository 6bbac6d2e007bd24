"""Figures of runs. Matplotlib is imported when a figure is drawn, never before."""
