"""Continuous batching: many texts written side by side by one thread, each as if it were alone. Knows no HTTP."""

from charrnn.serving.engine.engine import Engine, QueueFullError
from charrnn.serving.engine.text_request import Notifier, TextRequest, Token

__all__ = ["Engine", "Notifier", "QueueFullError", "TextRequest", "Token"]
