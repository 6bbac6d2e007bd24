# %% [markdown]
# # 8. Sampling, and what it copies
#
# A trained network gives probabilities. To write, draw a character, feed it back, and draw again. Two numbers steer it:
# `temperature` and `top_p`. Then a question that is asked too seldom: is what it writes new?

# %%
import os
import sys

import matplotlib.pyplot as plt
import numpy as np
from checks import check

sys.path.insert(0, "../editions")
import rnn

from charrnn.text.library import read_text

STEPS = 30 if os.environ.get("CHARRNN_NOTEBOOK_QUICK") else 700

# %% [markdown]
# ## A network to write with
#
# The network in one file, [editions/rnn.py](../editions/rnn.py), on the novel.

# %%
text = read_text([]).text
vocabulary, cut = sorted(set(text)), int(0.9 * len(text))
ids = np.searchsorted(vocabulary, list(text))
losses = []
for _, loss, _, p in rnn.train(ids[:cut], len(vocabulary), hidden_size=96, seq_len=24, batch_size=24, learning_rate=0.006,
                               clip=1.0, seed=0, dtype=np.float32, steps=STEPS):
    losses.append(loss)
print(f"training loss of the last steps: {np.mean(losses[-50:]):.3f} nats per character")

# %%
def next_logits(prompt):
    """What the network expects after a prompt: logits (V,)."""
    h = np.zeros(len(p["b"]))
    for k in np.searchsorted(vocabulary, list(prompt)):
        h = np.tanh(p["U"][k] + p["b"] + h @ p["W"])
    return h @ p["V"] + p["c"]


logits = next_logits("The clock")

# %% [markdown]
# ## Exercise 8.1: temperature
#
# Divide the logits by the temperature before the softmax. Below 1 the likely characters gain; above 1 the others do.

# %%
def with_temperature(logits, temperature):
    """logits (V,) → probabilities (V,)."""
    raise NotImplementedError


check(with_temperature)

# %%
order = np.argsort(-logits)[:12]
figure, axes = plt.subplots(1, 3, figsize=(10, 2.3), sharey=True)
for axis, temperature in zip(axes, (0.5, 1.0, 2.0)):
    e = np.exp((logits - logits.max()) / temperature)
    axis.bar([repr(vocabulary[k])[1:-1] for k in order], (e / e.sum())[order])
    axis.set_title(f"temperature {temperature}")
axes[0].set_ylabel("probability")
plt.show()

# %% [markdown]
# ## Exercise 8.2: the nucleus
#
# Many unlikely characters together are drawn often, and one of them spoils a word. `top_p` keeps the likeliest characters, as
# few as needed for their probabilities to reach `top_p`. The rest get 0; what is left sums to 1 again.

# %%
def nucleus(probs, top_p):
    """probs (V,) → probs (V,), 0 outside the nucleus."""
    raise NotImplementedError


check(nucleus)

# %% [markdown]
# ## Writing

# %%
def write(length, temperature, seed):
    rng, sample, h, k = np.random.default_rng(seed), "", np.zeros(len(p["b"])), vocabulary.index("\n")
    for _ in range(length):
        h = np.tanh(p["U"][k] + p["b"] + h @ p["W"])
        o = (h @ p["V"] + p["c"]) / temperature
        k = rng.choice(len(o), p=np.exp(o - np.logaddexp.reduce(o)))
        sample += vocabulary[k]
    return sample


for temperature in (0.3, 0.7, 1.0):
    print(f"--- temperature {temperature}\n{write(300, temperature, seed=1).strip()}\n")

# %% [markdown]
# ## Exercise 8.3: the longest copy
#
# Find the longest stretch of the sample that stands, character by character, in the text.

# %%
def longest_copy(sample, text):
    """The number of characters of the longest part of sample that occurs in text."""
    raise NotImplementedError


check(longest_copy)

# %% [markdown]
# ## What it copies
#
# For every place of the sample: how long is the stretch from there that also stands in the training text? A fair measure
# needs something to compare with: the validation part, which the author wrote and the network did not see.

# %%
def copies(sample):
    """The length of the copy that begins at each place."""
    lengths, known = [], text[:cut]
    for start in range(len(sample)):
        n = 0
        while start + n < len(sample) and sample[start : start + n + 1] in known:
            n += 1
        lengths.append(n)
    return np.array(lengths)


length = 100 if STEPS == 30 else 300
shown = {f"temperature {t}": copies(write(length, t, seed=1)) for t in (0.3, 0.7, 1.0)}
shown["the author, validation part"] = copies(text[cut : cut + length])
plt.figure(figsize=(7, 3))
for label, lengths in shown.items():
    plt.plot(np.sort(lengths)[::-1], label=label)
plt.xlabel("places, longest copy first")
plt.ylabel("characters that stand in the training text")
plt.legend()
plt.show()
for label, lengths in shown.items():
    print(f"{label}: longest copy {lengths.max()} characters, mean {lengths.mean():.1f}")

# %% [markdown]
# A copy about as long as the author's own repetitions is a phrase of the language. A much longer one is a quotation.
# `charrnn generate` and `charrnn evaluate` do all this for trained models of any size; the
# [report notebook](../notebooks/character_rnn.ipynb) is the last stop of this course.
#
# Solutions: [solutions/8_sampling.py](solutions/8_sampling.py).
