# %% [markdown]
# # 6. Adam and clipping
#
# The gradient says which way is down. How far to go is the optimiser's part. The equations are those of
# [Adam](../docs/derivations/adam.md).

# %%
import os
import sys

import matplotlib.pyplot as plt
import numpy as np
from checks import check

sys.path.insert(0, "../editions")
import rnn  # the network of notebook 4, in one file

from charrnn.text.library import read_text

STEPS = 30 if os.environ.get("CHARRNN_NOTEBOOK_QUICK") else 400

# %% [markdown]
# ## A valley
#
# Steep across, flat along: plain gradient descent swings from wall to wall, and hardly moves along the valley. Adam divides
# each number's step by the size of its own gradients.

# %%
def slope(x):
    return np.array([0.02, 1.0]) * x


def descend(rate, adam):
    x, path, m, v = np.array([-8.0, 1.5]), [], 0, 0
    for t in range(1, 60):
        path.append(x)
        g = slope(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - rate * ((m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) if adam else g)
    return np.array(path)


plt.figure(figsize=(7, 2.5))
for rate, adam, label in ((1.9, False, "gradient descent"), (0.3, True, "Adam")):
    plt.plot(*descend(rate, adam).T, ".-", label=label)
plt.plot(0, 0, "k*")
plt.legend()
plt.show()

# %% [markdown]
# ## Exercise 6.1: Adam
#
#     m ← β₁ m + (1 − β₁) g                            [adam.1]
#     v ← β₂ v + (1 − β₂) g²                           [adam.2]
#     m̂ = m / (1 − β₁ᵗ);   v̂ = v / (1 − β₂ᵗ)           [adam.3]
#     θ ← θ − α m̂ / (√v̂ + ε)                           [adam.4]
#
# with β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸. t counts from 1.

# %%
def adam_step(theta, g, m, v, t, rate):
    """One step: vectors of one length → the new theta, m and v."""
    raise NotImplementedError


check(adam_step)

# %% [markdown]
# ## Exercise 6.2: clipping
#
# Now and then a recurrent network has a gradient a hundred times as long as usual. A single step along it destroys what was
# learnt. So a gradient longer than a limit is shortened to the limit. Its direction stays.

# %%
def clipped(gradient, limit):
    """The gradient, shortened to the limit where it is longer."""
    raise NotImplementedError


check(clipped)

# %% [markdown]
# ## On the novel
#
# The same network twice, from the same start: with plain gradient descent, and with Adam.

# %%
text = read_text([]).text
vocabulary = sorted(set(text))
ids = np.searchsorted(vocabulary, list(text))
V, H, T, B = len(vocabulary), 48, 16, 16
lanes = ids[: len(ids) // B * B].reshape(B, -1).T  # (steps, B): each lane reads its own part


def train(adam, rate, limit):
    vector, p = rnn.new_parameters(V, H, seed=0, dtype=np.float64)
    g, grads = rnn.views(np.zeros_like(vector), p)
    m, v, state, losses, norms = 0, 0, np.zeros((B, H)), [], []
    for step in range(STEPS):
        window = lanes[step * T : step * T + T + 1]
        loss, state = rnn.loss_and_grads(p, grads, window[:-1], window[1:], state)
        norm = np.sqrt(g @ g)
        scaled = g * min(1.0, limit / norm)
        m, v, t = 0.9 * m + 0.1 * scaled, 0.999 * v + 0.001 * scaled**2, step + 1
        vector -= rate * ((m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) if adam else scaled)
        losses.append(loss)
        norms.append(norm)
    return np.array(losses), np.array(norms)


runs = {"gradient descent, rate 0.5": train(False, 0.5, 1.0), "Adam, rate 0.005": train(True, 0.005, 1.0)}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3))
for label, (losses, norms) in runs.items():
    smooth = np.convolve(losses, np.ones(10) / 10, "valid")
    left.plot(smooth, label=label)
    right.semilogy(norms, label=label, alpha=0.7)
left.set(xlabel="step", ylabel="training loss (nats per character)")
right.set(xlabel="step", ylabel="gradient norm")
right.axhline(1.0, color="black", lw=0.8)
left.legend()
plt.show()
for label, (losses, norms) in runs.items():
    print(f"{label}: training loss of the last steps {losses[-10:].mean():.3f} nats per character, "
          f"clipped in {(norms > 1).mean():.0%} of the steps")

# %% [markdown]
# Try other rates: each optimiser has its own best one, and a comparison at a single rate says little.
#
# Solutions: [solutions/6_adam.py](solutions/6_adam.py). Next: [7. Gates, and why they help](7_gates.ipynb).
