import numpy as np


def sample_from_probs(y, seed):
    np.random.seed(seed)
    return np.random.choice(range(y.size), p=y.ravel())
