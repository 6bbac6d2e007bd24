"""Character n-gram models: baselines that a network has to beat, and experts that it may know."""

from charrnn.ngrams.ngram import NGram, best_ngram, uniform_nats

__all__ = ["NGram", "best_ngram", "uniform_nats"]
