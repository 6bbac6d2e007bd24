"""How well a model predicts a text."""

from charrnn.scoring.evaluation import Evaluation, evaluate
from charrnn.scoring.fresh_windows import evaluate_fresh_windows
from charrnn.scoring.labels import Classification, LabelEvaluation
from charrnn.scoring.lines import DocumentScore, HeldOut, Reading, documents_of, score_documents
from charrnn.scoring.many import ScoresTexts
from charrnn.scoring.memorisation import longest_copy
from charrnn.scoring.score import Score, score

__all__ = [
    "Classification", "DocumentScore", "Evaluation", "HeldOut", "LabelEvaluation", "Reading", "Score",
    "ScoresTexts", "documents_of", "evaluate", "evaluate_fresh_windows",
    "longest_copy", "score", "score_documents",
]  # fmt: skip
