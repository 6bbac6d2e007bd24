"""Character n-gram models: baselines that a network has to beat, and experts that it may know.

EXPERTS has every choice of `--ngrams`: none, both chains of contexts, or one of them.
"""

from charrnn.config import REGISTRIES
from charrnn.ngrams.chains import CHAINS
from charrnn.ngrams.experts import Experts, OnText, held_out, in_context
from charrnn.ngrams.kept import KeptLogQ, Said
from charrnn.ngrams.ngram import NGram, best_ngram, uniform_nats

EXPERTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "auto": ("characters", "words"),
    **{name: (name,) for name in CHAINS},
}
REGISTRIES["ngrams"] = EXPERTS

__all__ = [
    "EXPERTS", "Experts", "KeptLogQ", "NGram", "OnText", "Said", "best_ngram", "held_out", "in_context", "uniform_nats",
]  # fmt: skip
