"""Look inside a trained model: its surprise at a text, whom it trusted there, and what its units follow.

    model = charrnn.load("runs/book-qrnn")
    seen = inspect_text(model, "The clock struck.")    # surprise, alternatives and gates at each character
    values = activations(model, "The clock struck.")   # (characters, layers, units), between -1 and 1
    units = find_units(model, text)                    # each unit with the feature of the text that it follows

The page of `charrnn serve` shows the same. A new feature is one line in `FEATURES`.
"""

from charrnn.inspection.features import FEATURES, feature_matrix
from charrnn.inspection.reading import Alternative, Inspection, inspect_text
from charrnn.inspection.units import Unit, activation, activations, find_units

__all__ = [
    "FEATURES",
    "Alternative",
    "Inspection",
    "Unit",
    "activation",
    "activations",
    "feature_matrix",
    "find_units",
    "inspect_text",
]
