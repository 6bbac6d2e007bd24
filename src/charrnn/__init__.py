"""Character-level recurrent language models on a CPU, from scratch in NumPy.

>>> import charrnn
>>> run = charrnn.train("book.txt", minutes=5)  # doctest: +SKIP
>>> run.model.generate("The ", length=300, temperature=0.7, seed=1)  # doctest: +SKIP

What is public:

- `train`: train a model on a text and keep everything about it in a run folder
- `Run`: a finished run: its folder, model, metrics and losses
- `load`: load the model of a run folder or a model file
- `LanguageModel`: a model that generates, scores and evaluates texts, and saves itself
- `Callback`: receives the progress of a run, and does nothing with it unless a method is overridden
- `check`: run a learner's backward pass, and name its mistake
- `evaluate`: measure how well a run's model predicts its own text or another
- `CharRNNError`: the base of every error that this package raises on purpose
- `ConfigError`: a setting is unknown, out of range, or contradicts another
- `TextError`: a text cannot be read, is not text, or is too short
- `UnknownCharacterError`: a text holds a character that the vocabulary lacks
- `RunError`: a run folder, model file or checkpoint is missing, damaged or does not fit
- `DivergenceError`: the loss or the gradient is not a finite number
- `__version__`: the version of the installed package
"""

from typing import TYPE_CHECKING, Any

from charrnn.errors import (
    CharRNNError,
    ConfigError,
    DivergenceError,
    RunError,
    TextError,
    UnknownCharacterError,
)
from charrnn.language_model import LanguageModel, load
from charrnn.training.callback import Callback
from charrnn.training.evaluate import evaluate
from charrnn.training.run import Run
from charrnn.training.train import train
from charrnn.version import __version__

if TYPE_CHECKING:
    from charrnn.learning.check import check

__all__ = [
    "Callback",
    "CharRNNError",
    "ConfigError",
    "DivergenceError",
    "LanguageModel",
    "Run",
    "RunError",
    "TextError",
    "UnknownCharacterError",
    "__version__",
    "check",
    "evaluate",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import `check` when it is first asked for: few programs need it, and it takes a ninth of all imports."""
    if name == "check":
        from charrnn.learning.check import check

        globals()[name] = check
        return check
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
