# %% [markdown]
# # 5. Checking gradients, three ways
#
# A wrong gradient often trains, only worse. So a gradient is checked against something that knows nothing of its derivation.
# There are three ways: move a parameter and look; move it in the imaginary direction; compare with another program.

# %%
import matplotlib.pyplot as plt
import numpy as np
from checks import check

# %% [markdown]
# ## First way: finite differences
#
# The slope between two points close together is nearly the derivative.
#
# ## Exercise 5.1
#
# Take the points x − h and x + h. The error is then of the order of h², not of h.

# %%
def central_difference(f, x, h):
    """The derivative of f at x, from two values of f."""
    raise NotImplementedError


check(central_difference)

# %% [markdown]
# ## Second way: the complex step
#
# Move x by i·h. Then f(x + ih) = f(x) + ih f′(x) − …, so the imaginary part over h is the derivative. Nothing is
# subtracted, so no digit is lost, and h may be 10⁻³⁰.
#
# ## Exercise 5.2

# %%
def complex_step(f, x, h):
    """The derivative of f at x, from one value of f at a complex number."""
    raise NotImplementedError


check(complex_step)

# %% [markdown]
# ## How good are they?
#
# The function is tanh at 0.7, whose derivative we know. With a small h, differences drown in rounding; the complex step
# does not.

# %%
x, right = 0.7, 1 - np.tanh(0.7) ** 2
steps = 10.0 ** np.arange(-16, 0)
one_sided = [(np.tanh(x + h) - np.tanh(x)) / h for h in steps]
central = [(np.tanh(x + h) - np.tanh(x - h)) / (2 * h) for h in steps]
imaginary = [np.tanh(x + 1j * h).imag / h for h in steps]
plt.figure(figsize=(6, 3))
for values, label in ((one_sided, "one-sided"), (central, "central"), (imaginary, "complex step")):
    plt.loglog(steps, np.abs(np.array(values) - right) / right + 1e-17, "o-", label=label)
plt.xlabel("h")
plt.ylabel("relative error")
plt.legend()
plt.show()

# %% [markdown]
# The best central difference has about ten digits right, at h ≈ 10⁻⁵. The complex step has all of them.
#
# The price: every operation of the network must take complex numbers. `abs`, `max` and comparisons do not carry a derivative
# through; charrnn's networks avoid them.
#
# ## A network of one layer
#
# The loss of a softmax readout, its gradient by [[readout.4] and [readout.5]](../docs/derivations/readout.md), and both checks.

# %%
rng = np.random.default_rng(0)
h, V, y = rng.normal(size=(6, 5)), rng.normal(size=(5, 7)), rng.integers(7, size=6)


def loss_of(V):
    o = h @ V
    return -(o - np.log(np.exp(o).sum(axis=1, keepdims=True)))[np.arange(6), y].mean()


e = np.exp(h @ V)
d_o = e / e.sum(axis=1, keepdims=True)
d_o[np.arange(6), y] -= 1
dV = h.T @ d_o / 6


# %%
def largest_error(derivative):
    """Over all numbers of V, moved one by one."""
    error = 0.0
    for index in np.ndindex(V.shape):
        unit = np.zeros_like(V)
        unit[index] = 1
        error = max(error, abs(derivative(unit) - dV[index]))
    return error


print("central differences:", largest_error(lambda u: (loss_of(V + 1e-5 * u) - loss_of(V - 1e-5 * u)) / 2e-5))
print("complex step:       ", largest_error(lambda u: loss_of(V + 1e-30j * u).imag / 1e-30))

# %% [markdown]
# ## Third way: another program
#
# Two programs that were written apart seldom make the same mistake. The network in one file,
# [editions/rnn.py](../editions/rnn.py), is such a second program; here it meets the complex step along a random direction, all
# parameters at once.

# %%
import sys

sys.path.insert(0, "../editions")
import rnn

inputs, targets = rng.integers(7, size=(2, 4, 3))
vector, p = rnn.new_parameters(7, 5, seed=0, dtype=np.float64)
gradient, grads = rnn.views(np.zeros_like(vector), p)
loss, _ = rnn.loss_and_grads(p, grads, inputs, targets, np.zeros((3, 5)))


def forward_loss(vector):
    _, q = rnn.views(vector, p)
    state, total = np.zeros((3, 5)), 0.0
    for t in range(4):
        state = np.tanh(q["U"][inputs[t]] + q["b"] + state @ q["W"])
        o = state @ q["V"] + q["c"]
        total -= (o - np.log(np.exp(o).sum(axis=1, keepdims=True)))[np.arange(3), targets[t]].sum()
    return total / 12


direction = rng.normal(size=vector.size)
measured = forward_loss(vector + 1e-30j * direction).imag / 1e-30
print(f"by hand {gradient @ direction:.15f}\nmeasured {measured:.15f}")

# %% [markdown]
# `charrnn gradcheck` does this for every network of the package: [gradients, proven](../docs/gradients.md). And
# `charrnn.check` goes one step further: it compares a wrong gradient with those of known mistakes, and names the one that fits.
#
# Solutions: [solutions/5_gradients.py](solutions/5_gradients.py). Next: [6. Adam and clipping](6_adam.ipynb).
