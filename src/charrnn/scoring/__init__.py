"""How well a model predicts a text."""

from charrnn.scoring.evaluation import Evaluation, evaluate
from charrnn.scoring.score import Score, score

__all__ = ["Evaluation", "Score", "evaluate", "score"]
