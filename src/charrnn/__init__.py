"""Character-level recurrent language models on a CPU, from scratch in NumPy.

>>> import charrnn
>>> run = charrnn.train("book.txt", minutes=5)  # doctest: +SKIP
>>> run.model.generate("The ", length=300, temperature=0.7, seed=1)  # doctest: +SKIP
"""

from charrnn.errors import (
    CharRNNError,
    ConfigError,
    DivergenceError,
    RunError,
    TextError,
    UnknownCharacterError,
)
from charrnn.language_model import LanguageModel, load
from charrnn.training.evaluate import evaluate
from charrnn.training.train import Run, train
from charrnn.version import __version__

__all__ = [
    "CharRNNError",
    "ConfigError",
    "DivergenceError",
    "LanguageModel",
    "Run",
    "RunError",
    "TextError",
    "UnknownCharacterError",
    "__version__",
    "evaluate",
    "load",
    "train",
]
