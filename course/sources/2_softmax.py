# %% [markdown]
# # 2. Softmax and cross-entropy
#
# A network does not count. It gives one number for each character, a *logit*, and the softmax turns logits into
# probabilities. The equations and their labels are those of [the readout](../docs/derivations/readout.md).

# %%
import matplotlib.pyplot as plt
import numpy as np
from checks import check

# %% [markdown]
# ## From logits to probabilities
#
#     p_k = exp(o_k) / Σ_j exp(o_j)                    [readout.2]
#
# exp makes every number positive; the division makes the sum 1.

# %%
o = np.array([2.0, 1.0, 0.0, -1.0])
p = np.exp(o) / np.exp(o).sum()
print(p.round(3), p.sum())

# %% [markdown]
# Adding a constant to all logits changes nothing: only differences count.

# %%
moved = np.exp(o + 5) / np.exp(o + 5).sum()
print(np.abs(moved - p).max())

# %% [markdown]
# ## Exercise 2.1: a softmax that does not overflow
#
# exp(1000) is infinite in float64. Use the fact above. Each row of `logits` is a distribution of its own.

# %%
def softmax(logits):
    """logits (N, V) → probabilities (N, V)."""
    raise NotImplementedError


check(softmax)

# %% [markdown]
# ## The loss of one prediction
#
# The loss is −log of the probability that the right character got. To be sure and wrong is expensive.

# %%
share = np.linspace(0.005, 1, 200)
plt.figure(figsize=(5, 2.5))
plt.plot(share, -np.log(share))
plt.xlabel("probability of the character that came")
plt.ylabel("loss (nats)")
plt.show()

# %% [markdown]
# ## Exercise 2.2: cross-entropy
#
#     L = −mean log p[target]                          [readout.3]

# %%
def cross_entropy(probs, targets):
    """probs (N, V), targets (N,) ids → the mean loss in nats."""
    raise NotImplementedError


check(cross_entropy)

# %% [markdown]
# ## The gradient is a difference
#
# How does the loss change when a logit moves? The answer is short:
#
#     d_o = (p − one_hot(y)) / N                       [readout.4]
#
# Push the right logit up, all others down, each in proportion to the probability it took.

# %%
target = 1
d_o = p.copy()
d_o[target] -= 1
plt.figure(figsize=(5, 2.5))
plt.bar(range(4), p, width=0.4, label="p")
plt.bar(np.arange(4) + 0.4, d_o, width=0.4, label="d_o, target 1")
plt.legend()
plt.show()
print("d_o sums to", d_o.sum().round(12))

# %% [markdown]
# Believe nothing: move one logit a little, and see whether the loss moves by as much.

# %%
def loss_of(o):
    return -(o - np.log(np.exp(o).sum()))[target]


h = 1e-5
measured = [(loss_of(o + h * e) - loss_of(o - h * e)) / (2 * h) for e in np.eye(4)]
print("derived ", d_o.round(8))
print("measured", np.round(measured, 8))

# %% [markdown]
# Solutions: [solutions/2_softmax.py](solutions/2_softmax.py). Next: [3. One step](3_step.ipynb).
