"""Character n-gram models: the baselines that a network has to beat."""

from charrnn.ngrams.ngram import NGram, best_ngram, uniform_nats

__all__ = ["NGram", "best_ngram", "uniform_nats"]
