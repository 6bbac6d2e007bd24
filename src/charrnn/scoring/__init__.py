"""How well a model predicts a text."""

from charrnn.scoring.evaluation import Evaluation, evaluate
from charrnn.scoring.fresh_windows import evaluate_fresh_windows
from charrnn.scoring.memorisation import longest_copy
from charrnn.scoring.score import Score, score

__all__ = ["Evaluation", "Score", "evaluate", "evaluate_fresh_windows", "longest_copy", "score"]
