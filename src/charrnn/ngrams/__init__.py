"""What any network has to beat: models without one."""

from charrnn.ngrams.ngram import NGram, best_ngram, uniform_nats

__all__ = ["NGram", "best_ngram", "uniform_nats"]
