import numpy as np


def sample_next(logits, temperature=1.0, top_k=None, top_p=None, rng=None):
    logits = np.asarray(logits) / temperature
    if top_k is not None:
        limit = np.sort(logits)[-top_k]
        logits = np.where(logits < limit, -np.inf, logits)
    p = np.exp(logits - logits.max())
    p /= p.sum()
    if top_p is not None:
        order = np.argsort(p)[::-1]
        c = np.cumsum(p[order])
        n = np.searchsorted(c, top_p) + 1
        mask = np.zeros_like(p)
        mask[order[:n]] = 1
        p = p * mask
        p /= p.sum()
    return (rng or np.random.default_rng()).choice(len(p), p=p)


def nucleus(probs, top_p):
    order = np.argsort(-probs)
    n = 1 + np.searchsorted(np.cumsum(probs[order]), top_p)
    kept = np.zeros_like(probs)
    kept[order[:n]] = probs[order[:n]]
    return kept / kept.sum()


def apply_temperature(logits, t):
    z = logits / t
    e = np.exp(z - z.max())
    return e / e.sum()


def sample(preds, temperature=1.0):
    preds = np.log(np.asarray(preds).astype("float64")) / temperature
    e = np.exp(preds)
    preds = e / np.sum(e)
    return np.argmax(np.random.multinomial(1, preds, 1))


def draw(p):
    return int(np.argmax(np.cumsum(p) > np.random.rand()))


def top_k_filter(logits, k):
    out = logits.copy()
    out[np.argsort(logits)[:-k]] = -np.inf
    return out


def top_p_logits(logits, p=0.9):
    order = np.argsort(logits)[::-1]
    e = np.exp(logits[order] - logits.max())
    q = e / e.sum()
    remove = np.cumsum(q) - q > p
    out = logits.copy()
    out[order[remove]] = -1e10
    return out


def sample_column(p, seed):
    return np.random.RandomState(seed).choice(range(len(p)), p=p.ravel())
