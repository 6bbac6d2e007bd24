"""Training: the step, the run around it, and what it leaves behind."""
