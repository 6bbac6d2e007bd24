"""A quasi-recurrent network (QRNN) in one file: it reads a list of names or a text, learns, and writes.

    python qrnn.py names.txt        a list, one name a line; or any text

Change one thing at a time:
- the bias of f, 0 to 3.5 in `new_parameters`: it decides which units forget at once, and which remember 30 characters.
- `before` in `forward`: without it the gates see one character instead of two.
Watch the loop over time: it has no matrix product, so that every product covers the whole window. And the losses.
Labels such as [qrnn.4] are derived in docs/derivations/. In float64 losses and parameters are those of the package
charrnn, bit for bit, where a window has at least as many characters as the vocabulary. Faster: `charrnn train`.
"""

import sys
import time

import numpy as np

hidden_size, seq_len, batch_size = 64, 16, 64
learning_rate, clip = 0.006, 1.0  # the rate falls to zero over the run
seconds, seed, dtype = 60.0, 0, np.float32


def new_parameters(vocab_size, hidden_size, seed, dtype):
    V, H, rng = vocab_size, hidden_size, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    E, limit = rng.normal(0, 0.1, (V, H)), (3 / (2 * H)) ** 0.5
    W = rng.uniform(-limit, limit, (2 * H, 3 * H))  # columns: candidate, forget and output gate
    b = np.concatenate([np.zeros(H), np.linspace(0, 3.5, H), np.zeros(H)])
    arrays = {"E": E, "W": W, "b": b, "norm": np.ones(H), "out_norm": np.ones(H)}
    arrays |= {"V": rng.uniform(-0.5 * H**-0.5, 0.5 * H**-0.5, (H, V)), "c": np.zeros(V)}
    return views(np.concatenate([a.ravel() for a in arrays.values()]).astype(dtype), arrays)


def views(vector, like):
    parts = np.split(vector, np.cumsum([a.size for a in like.values()])[:-1])
    return vector, {name: part.reshape(a.shape) for (name, a), part in zip(like.items(), parts)}


def sigmoid(a):
    return (np.tanh(a * 0.5) + 1) * 0.5  # = 1 / (1 + exp(-a)), and cannot overflow


def rms_norm(x, n):
    r = 1 / np.sqrt(np.einsum("nh,nh->n", x, x)[:, None] / x.shape[1] + 1e-6)  # [rmsnorm.1]
    return x * r * n, (x * r, r)  # [rmsnorm.2]


def rms_norm_backward(d_u, n, x_hat, r):
    mean = np.einsum("nh,nh->n", x_hat, d_u * n)[:, None] / len(n)
    return (d_u * n - x_hat * mean) * r, (d_u * x_hat).sum(axis=0)  # d_x [rmsnorm.4], dn [rmsnorm.3]


def forward(p, inputs, state):
    """The readout's input (T·B, H), the state (2, B, H) after the window, and what the backward pass needs."""
    (T, B), H = inputs.shape, len(p["norm"])
    u, saved = rms_norm(p["E"], p["norm"])  # [qrnn.1], once for each character of the vocabulary
    u_all = np.concatenate([state[1], u])  # the rows of u_{t-1}: first those that the window before has left
    before = np.concatenate([np.arange(B)[None], inputs[:-1] + B])
    W_b = zip(np.split(p["W"], 3, axis=1), np.split(p["b"], 3))
    z, f, o = ((u @ W[H:] + b)[inputs] + (u_all @ W[:H])[before] for W, b in W_b)  # [qrnn.2]
    z, f, o, c = np.tanh(z), sigmoid(f), sigmoid(o), np.empty((T + 1, B, H), u.dtype)  # [qrnn.3]
    c[0] = state[0]
    for t in range(T):
        c[t + 1] = f[t] * c[t] + (z[t] - f[t] * z[t])  # [qrnn.4], with (1 - f) z
    out, out_saved = rms_norm((p["E"][inputs] + o * c[1:]).reshape(-1, H), p["out_norm"])  # [qrnn.5]
    return out, np.array([c[-1], u[inputs[-1]]]), (u, saved, u_all, before, z, f, o, c, out_saved)


def loss_and_grads(p, grads, inputs, targets, state):
    """inputs and targets (T, B) ids, state (2, B, H); fills grads; returns the mean loss in nats and the last state."""
    (T, B), V, H, N, y = inputs.shape, len(p["c"]), len(p["norm"]), inputs.size, targets.ravel()
    rows, last, (u, saved, u_all, before, z, f, o_gate, c, out_saved) = forward(p, inputs, state)
    o = rows @ p["V"] + p["c"]  # [readout.1]
    o -= 0 if abs(o).max() < 60 else o.max(axis=1, keepdims=True)  # changes no probability; exp cannot overflow
    e, Z = np.exp(o), np.exp(o) @ np.ones(V, o.dtype)
    loss = (np.log(Z).astype(float) - o[np.arange(N), y]).mean()  # [readout.2], [readout.3]
    d_o = e / (Z * N)[:, None]
    d_o[np.arange(N), y] -= 1 / N  # [readout.4]
    grads["V"][...], grads["c"][...] = rows.T @ d_o, d_o.sum(axis=0)
    d_rows, grads["out_norm"][...] = rms_norm_backward(d_o @ p["V"].T, p["out_norm"], *out_saved)  # [readout.5]
    d_c, d_y = d_rows.reshape(T, B, H) * o_gate, d_rows.reshape(T, B, H)
    for t in reversed(range(T - 1)):
        d_c[t] += f[t + 1] * d_c[t + 1]  # [qrnn.6]
    d_z = (1 - f) * d_c  # [qrnn.7]
    d_a = d_z * (1 - z * z), (c[:-1] - z) * f * d_z, d_y * c[1:] * o_gate * (1 - o_gate)  # [qrnn.8]
    one_hot, one_hot_before = (np.eye(n)[k.ravel()].T.astype(u.dtype, "C") for n, k in ((V, inputs), (B + V, before)))
    d_u = 0 * u_all
    for k, (d, w) in enumerate(zip(d_a, np.split(p["W"], 3, axis=1))):
        of_gate, d = slice(k * H, (k + 1) * H), d.reshape(-1, H)
        d_before, d_now = one_hot_before @ d, one_hot @ d  # summed by character
        grads["W"][:H, of_gate], grads["W"][H:, of_gate] = u_all.T @ d_before, u.T @ d_now
        grads["b"][of_gate] = d_now.sum(axis=0)  # [qrnn.9]
        d_u += d_before @ w[:H].T
        d_u[B:] += d_now @ w[H:].T  # [qrnn.10]
    grads["E"][...], grads["norm"][...] = rms_norm_backward(d_u[B:], p["norm"], *saved)
    grads["E"] += one_hot @ d_y.reshape(-1, H)  # [qrnn.11], [qrnn.13]
    return loss, last


def train(ids, vocab_size, hidden_size, seq_len, batch_size, learning_rate, clip, seed, dtype, steps=None, seconds=0.0):
    vector, p = new_parameters(vocab_size, hidden_size, seed, dtype)
    g, grads = views(np.zeros_like(vector), p)
    m, v, state = np.zeros_like(vector), np.zeros_like(vector), np.zeros((2, batch_size, hidden_size), dtype)
    windows = (len(ids) - 1) // (seq_len * batch_size)  # each of the B lanes reads its own part of the text
    step, start, progress = 0, time.perf_counter(), 0.0
    while progress < 1:
        epoch, window = divmod(step, windows)
        part = (np.arange(batch_size) + epoch) % batch_size
        state[:, (part == 0) & (window == 0)] = 0  # a lane that comes to the beginning of the text
        at = part * windows * seq_len + window * seq_len + np.arange(seq_len + 1)[:, None]
        loss, state = loss_and_grads(p, grads, ids[at[:-1]], ids[at[1:]], state)
        norm, step = np.sqrt(np.dot(g, g)), step + 1
        g *= clip / norm if norm > clip else 1.0
        m_sum, v_sum = (1 - 0.9**step) / (1 - 0.9), (1 - 0.999**step) / (1 - 0.999)
        m, v = 0.9 * m + g, 0.999 * v + g * g  # [adam.6]
        rate = learning_rate * (1 - 0.99 * progress)
        vector -= m / (np.sqrt(v) + 1e-8 * v_sum**0.5) * (rate * v_sum**0.5 / m_sum)  # [adam.7]
        progress = step / steps if steps else (time.perf_counter() - start) / seconds
        yield progress, loss, norm, p


def write(p, rng, vocabulary, length, k, stop=None):
    state, text = np.zeros((2, 1, len(p["V"]))), ""
    while len(text) < length and not (stop and text.endswith(stop)):
        h, state, _ = forward(p, np.array([[k]]), state)
        o = h[0] @ p["V"] + p["c"]
        k = rng.choice(len(o), p=np.exp(o - np.logaddexp.reduce(o)))
        text += vocabulary[k]
    return text


if __name__ == "__main__":
    text = open(sys.argv[1], encoding="utf-8").read()
    if is_list := max(map(len, text.splitlines())) < 60:  # repeats would tell the network what it is tested on
        lines = list(dict.fromkeys(text.splitlines()))
        text = "\n".join(lines[k] for k in np.random.default_rng(seed).permutation(len(lines))) + "\n"
    vocabulary, cut = sorted(set(text)), int(0.9 * len(text))
    ids = np.searchsorted(vocabulary, list(text))
    print(f"{len(ids):,} characters, {len(vocabulary)} distinct; guessing loses {np.log(len(vocabulary)):.3f} nats")
    settings, shown, mean = (hidden_size, seq_len, batch_size, learning_rate, clip, seed, dtype), 0.0, None
    for progress, loss, norm, p in train(ids[:cut], len(vocabulary), *settings, seconds=seconds):
        mean = 0.98 * (mean or loss) + 0.02 * loss
        if progress >= shown:
            shown += 0.1
            print(f"{progress:4.0%}  training loss {mean:.3f} nats per character, gradient norm {norm:.2f}")
    val, scratch = ids[cut:, None], {name: np.empty_like(array) for name, array in p.items()}
    loss, _ = loss_and_grads(p, scratch, val[:-1], val[1:], np.zeros((2, 1, hidden_size)))
    print(f"validation loss {loss:.4f} nats per character (the last 10 %)")
    rng, newline = np.random.default_rng(seed), vocabulary.index("\n") if "\n" in vocabulary else 0
    for _ in range(20 if is_list else 1):
        print(write(p, rng, vocabulary, 50 if is_list else 500, newline, "\n" if is_list else None).strip("\n"))
