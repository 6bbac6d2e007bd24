# %% [markdown]
# # 4. Back-propagation through time, by hand
#
# Many steps make a window. The same W is used at every step; the gradient of each use is added. The equations are those of
# [the vanilla RNN](../docs/derivations/rnn.md) and [the readout](../docs/derivations/readout.md).

# %%
import matplotlib.pyplot as plt
import numpy as np
from checks import check

rng = np.random.default_rng(0)

# %% [markdown]
# ## The smallest network
#
# One unit, no input but the first, and a loss on the last state: h_t = tanh(w h_{t−1}), L = h_3. Here is every number.

# %%
w, h = 0.9, [0.5]
for t in range(3):
    h.append(np.tanh(w * h[-1]))
print("h:", np.round(h, 4))

# %% [markdown]
# Backwards: d_h of the last state is 1. Each step multiplies by the slope (`[rnn.3]`) and by w (`[rnn.4]`), and adds its
# share to dw (`[rnn.5]`), which pairs d_a with the state *before* the step.

# %%
d_h, dw = 1.0, 0.0
for t in (3, 2, 1):
    d_a = d_h * (1 - h[t] ** 2)
    dw += d_a * h[t - 1]
    print(f"step {t}: d_h {d_h:.4f}, d_a {d_a:.4f}, share of dw {d_a * h[t - 1]:.4f}")
    d_h = d_a * w
print(f"dw = {dw:.6f}")

# %%
def last(w):
    h = 0.5
    for _ in range(3):
        h = np.tanh(w * h)
    return h


print(f"measured: {(last(w + 1e-6) - last(w - 1e-6)) / 2e-6:.6f}")

# %% [markdown]
# ## Two ways into one state
#
# In a network that predicts at every step, h_t reaches the loss twice: by its own prediction, and by h_{t+1}. So
#
#     d_h_t = Vᵀ d_o_t + Wᵀ d_a_{t+1}                  [readout.5] + [rnn.4]
#
# Going from the last step to the first, the second part is always there when it is needed. To forget it is the most
# frequent mistake of all: the network then trains, a little, and nobody sees why it remembers so little.
#
# ## Exercise 4: the whole backward pass
#
# The forward pass is written. Write the gradients, of B lanes side by side:
#
# - begin with `d_o`, (T, B, V): `probs` minus the one-hot targets, over T·B, since the loss is a mean `[readout.4]`;
# - then go from the last step to the first, and add to every gradient;
# - in `Wx` the same character may occur in two lanes: `np.add.at` adds both.

# %%
def loss_and_grads(params, inputs, targets, h0):
    """inputs and targets (T, B) ids, h0 (B, H) → loss, gradients by name, the state after (B, H)."""
    Wx, Wh, b, Wy, by = (params[name] for name in ("Wx", "Wh", "b", "Wy", "by"))
    T, B = inputs.shape
    h = np.empty((T + 1, *h0.shape))
    h[0] = h0
    for t in range(T):
        h[t + 1] = np.tanh(Wx[inputs[t]] + h[t] @ Wh + b)  # [rnn.1], [rnn.2]
    logits = h[1:] @ Wy + by  # [readout.1]
    logits -= logits.max(axis=-1, keepdims=True)
    probs = np.exp(logits)
    probs /= probs.sum(axis=-1, keepdims=True)  # [readout.2]
    step, lane = np.indices((T, B))
    loss = -np.log(probs[step, lane, targets]).mean()  # [readout.3]

    grads = {name: np.zeros_like(value) for name, value in params.items()}
    raise NotImplementedError  # the rest is yours
    return loss, grads, h[-1]


check(loss_and_grads)

# %% [markdown]
# ## How far back does it flow?
#
# The gradient of the last state with respect to an earlier one is a product of one matrix a step. If W makes vectors
# shorter, the product fades; if it makes them longer, it explodes.

# %%
H, T = 32, 40
rotation, _ = np.linalg.qr(rng.normal(size=(H, H)))
plt.figure(figsize=(6, 3))
for scale in (0.7, 1.0, 1.3):
    d_h = rng.normal(size=H)
    norms = []
    for _ in range(T):
        norms.append(np.linalg.norm(d_h))
        d_h = scale * rotation.T @ d_h  # [rnn.4], with slopes of 1
    plt.semilogy(np.array(norms) / norms[0], label=f"W = {scale} × a rotation")
plt.xlabel("steps back")
plt.ylabel("length of the gradient")
plt.legend()
plt.show()

# %% [markdown]
# That is why charrnn begins with a rotation. Notebook 7 shows another way out.
#
# Solution: [solutions/4_through_time.py](solutions/4_through_time.py). Next: [5. Checking gradients](5_gradients.ipynb).
