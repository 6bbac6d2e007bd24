"""Solutions of 2, softmax and cross-entropy."""

import numpy as np


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(probs, targets):
    return -np.log(probs[np.arange(len(targets)), targets]).mean()
