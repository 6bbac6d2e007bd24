"""Solutions of 8, sampling."""

import numpy as np


def with_temperature(logits, temperature):
    o = logits / temperature
    e = np.exp(o - o.max())
    return e / e.sum()


def nucleus(probs, top_p):
    order = np.argsort(-probs)
    needed = 1 + np.searchsorted(np.cumsum(probs[order]), top_p)
    kept = np.zeros_like(probs)
    kept[order[:needed]] = probs[order[:needed]]
    return kept / kept.sum()


def longest_copy(sample, text):
    longest = 0
    for start in range(len(sample)):
        while start + longest < len(sample) and sample[start : start + longest + 1] in text:
            longest += 1
    return longest
