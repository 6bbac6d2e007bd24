# %% [markdown]
# # 3. One step
#
# A recurrent network reads one character at a time and keeps a *state*: H numbers that stand for all it has read. The
# equations are those of [the vanilla RNN](../docs/derivations/rnn.md).

# %%
import matplotlib.pyplot as plt
import numpy as np
from checks import check

rng = np.random.default_rng(0)

# %% [markdown]
# ## Forward
#
#     a_t = U x_t + b + W h_{t−1}                      [rnn.1]
#     h_t = tanh(a_t)                                  [rnn.2]
#
# In code, rows are examples: `x` is (N, D), so the matrices stand on the right.

# %%
def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)  # [rnn.1], [rnn.2]
    return next_h, (x, prev_h, Wx, Wh, next_h)


# %%
N, D, H = 1, 4, 8
Wx, Wh, b = rng.normal(size=(D, H)), 0.5 * rng.normal(size=(H, H)), np.zeros(H)
h, states = np.zeros((N, H)), []
for k in [0, 1, 2, 3, 0, 1, 2, 3, 3, 3, 3]:
    h, _ = rnn_step_forward(np.eye(D)[[k]], h, Wx, Wh, b)
    states.append(h[0])
plt.figure(figsize=(6, 2.5))
plt.imshow(np.array(states).T, cmap="coolwarm", vmin=-1, vmax=1, aspect="auto")
plt.xlabel("step")
plt.ylabel("unit of the state")
plt.colorbar()
plt.show()

# %% [markdown]
# The input repeats with period four, the columns do not: the state remembers more than the last character.
#
# ## A one-hot product is a row
#
# x is one-hot: a single 1 at the id. The product with a matrix picks one of its rows. Nobody needs to multiply.

# %%
print(np.array_equal(np.eye(D)[[2]] @ Wx, Wx[[2]]))

# %% [markdown]
# ## Backward through tanh
#
# Given d_h, the change of the loss with h, what is d_a? tanh works unit by unit, with the slope 1 − tanh²(a) = 1 − h².
#
#     d_a_t = d_h_t · (1 − h_t²)                       [rnn.3]

# %%
a = np.linspace(-4, 4, 200)
plt.figure(figsize=(5, 2.5))
plt.plot(a, np.tanh(a), label="tanh(a)")
plt.plot(a, 1 - np.tanh(a) ** 2, label="slope")
plt.xlabel("a")
plt.legend()
plt.show()

# %% [markdown]
# Where a unit is saturated its slope is near zero, and hardly any gradient passes.
#
# ## Exercise 3: the backward step
#
# Write the backward pass of the step above. For a product `y = x @ M` the rule is always the same:
# `dx = dy @ M.T`, `dM = x.T @ dy`; shapes leave no other way. A sum over rows gives the bias its gradient.
#
#     d_h_{t−1} = Wᵀ d_a_t                             [rnn.4]
#     dW = d_a_t h_{t−1}ᵀ                              [rnn.5]
#     dU = d_a_t x_tᵀ;   db = d_a_t                    [rnn.6]
#
# The check runs it, and names the equation that is broken.

# %%
def rnn_step_backward(dnext_h, cache):
    """dnext_h (N, H) → dx (N, D), dprev_h (N, H), dWx (D, H), dWh (H, H), db (H,)."""
    raise NotImplementedError


check(rnn_step_backward)

# %% [markdown]
# ## What the check says of a mistake
#
# Here the state *after* the step stands where the state before it belongs.

# %%
import charrnn


def wrong_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def wrong_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h**2)
    return da @ Wx.T, da @ Wh.T, x.T @ da, next_h.T @ da, da.sum(axis=0)


charrnn.check(wrong_step_backward, like="cs231n")

# %% [markdown]
# Solution: [solutions/3_step.py](solutions/3_step.py). Next: [4. Back-propagation through time](4_through_time.ipynb).
