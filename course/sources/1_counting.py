# %% [markdown]
# # 1. Counting
#
# A language model says which character comes next, with a probability for each. The simplest one counts. In this notebook
# you count pairs of characters in a novel, turn the counts into probabilities, and measure how well they predict.
#
# The text is *The Clockmaker's Cup*, which comes with charrnn. Besides charrnn you need matplotlib.

# %%
import matplotlib.pyplot as plt
import numpy as np
from checks import check

from charrnn.text.library import read_text

text = read_text([]).text
print(text[:200])

# %% [markdown]
# ## Characters as numbers
#
# The *vocabulary* is the list of distinct characters. A character's *id* is its place in that list.

# %%
vocabulary = sorted(set(text))
V = len(vocabulary)
ids = np.searchsorted(vocabulary, list(text))
print(f"{len(ids):,} characters, {V} distinct")
print(text[:12], "→", ids[:12])

# %% [markdown]
# The last tenth is kept for validation. A model that has seen the answers proves nothing.

# %%
cut = int(0.9 * len(ids))
train, val = ids[:cut], ids[cut:]

# %% [markdown]
# ## Counting single characters
#
# How often does each character occur?

# %%
counts = np.bincount(train, minlength=V)
order = np.argsort(-counts)[:30]
plt.figure(figsize=(9, 2.5))
plt.bar([repr(vocabulary[k])[1:-1] for k in order], counts[order] / counts.sum())
plt.ylabel("share of the text")
plt.show()

# %% [markdown]
# ## The loss
#
# A model is good if it gives the characters that do come a high probability. The *loss* is the mean of −log p, in nats per
# character. Guessing blindly among V characters loses ln V.

# %%
probs = (counts + 1) / (counts + 1).sum()
print(f"blind guessing: {np.log(V):.3f} nats per character")
print(f"single characters: validation loss {-np.log(probs[val]).mean():.3f} nats per character")

# %% [markdown]
# ## Exercise 1.1: pairs
#
# Count pairs: `counts[a, b]` is how often character b follows character a. Use no loop.
# NumPy's `np.add.at` adds once for every occurrence.

# %%
def pair_counts(ids, V):
    """ids (N,) → counts (V, V)."""
    raise NotImplementedError


check(pair_counts)

# %% [markdown]
# ## Exercise 1.2: probabilities
#
# Turn counts into probabilities. Add 1 to every count first: a pair that was not seen may still come. Each row is a
# distribution: it sums to 1.

# %%
def smoothed(counts):
    """counts (V, V) → probabilities (V, V), whose rows sum to 1."""
    raise NotImplementedError


check(smoothed)

# %% [markdown]
# ## Longer contexts
#
# Here is the same with a dictionary, for contexts of any length n. With long contexts most counts are zero: the model knows
# the book by heart, and has nothing to say about the next one.

# %%
def n_gram_loss(n):
    """Training and validation loss of add-0.01 counts after n characters of context."""
    follows = {}
    for i in range(n, cut):
        follows.setdefault(text[i - n : i], {}).setdefault(text[i], 0)
        follows[text[i - n : i]][text[i]] += 1

    def loss(begin, end):
        total = 0.0
        for i in range(begin, end):
            row = follows.get(text[i - n : i], {})
            total -= np.log((row.get(text[i], 0) + 0.01) / (sum(row.values()) + 0.01 * V))
        return total / (end - begin)

    return loss(n, n + 20_000), loss(cut, min(cut + 20_000, len(text)))


losses = np.array([n_gram_loss(n) for n in range(7)])

# %%
plt.figure(figsize=(5, 3))
plt.plot(losses[:, 0], "o-", label="training")
plt.plot(losses[:, 1], "o-", label="validation")
plt.xlabel("characters of context")
plt.ylabel("loss (nats per character)")
plt.legend()
plt.show()
print("validation loss (nats per character):", losses[:, 1].round(3))

# %% [markdown]
# The training loss falls on and on; the validation loss turns. The rest of the course builds a model that keeps a long
# context without a table of all contexts.
#
# How to smooth better: [n-grams](../docs/derivations/ngrams.md). Solutions: [solutions/1_counting.py](solutions/1_counting.py).
# Next: [2. Softmax and cross-entropy](2_softmax.ipynb).
