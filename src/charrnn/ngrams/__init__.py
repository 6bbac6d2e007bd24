"""Character n-gram models: baselines that a network has to beat, and experts that it may know."""

from charrnn.ngrams.all_texts import Codes, alone, came_from, with_all
from charrnn.ngrams.chains import CHAINS
from charrnn.ngrams.choice import EXPERTS, RARE, choose_experts
from charrnn.ngrams.compiled_reader import CompiledReader, make_reader
from charrnn.ngrams.experts import Experts, OnText, held_out, in_context
from charrnn.ngrams.kept import KeptLogQ, Said
from charrnn.ngrams.ngram import NGram, best_ngram, uniform_nats
from charrnn.ngrams.packing import PREFIX as COUNTS_PREFIX
from charrnn.ngrams.reader import Reader

__all__ = [
    "CHAINS",
    "COUNTS_PREFIX",
    "EXPERTS",
    "RARE",
    "Codes",
    "CompiledReader",
    "Experts",
    "KeptLogQ",
    "NGram",
    "OnText",
    "Reader",
    "Said",
    "alone",
    "best_ngram",
    "came_from",
    "choose_experts",
    "held_out",
    "in_context",
    "make_reader",
    "uniform_nats",
    "with_all",
]  # fmt: skip
