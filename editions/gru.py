"""A gated recurrent unit (GRU) in one file: it reads a list of names or a text, learns, and writes.

    python gru.py names.txt        a list, one name a line; or any text

Change one thing at a time:
- `hidden_size`: how much the network can remember. Twice as many units take four times the work.
- the update gate's bias, 1 in `new_parameters`: with -3 each step overwrites the state, with 5 none does.
- `d_h * z` in `loss_and_grads`: without it, the gradient reaches the past only as it does in rnn.py.

Watch:
- the loss: it starts at ln(vocab_size), which is guessing;
- the validation loss beside the training loss: the gap is what the network has learned by heart.

Labels such as [gru.4] are derived in docs/derivations/. In float64 losses and parameters are those of the package
charrnn, bit for bit. The same network, much faster: `charrnn train`.
"""

import sys
import time

import numpy as np

hidden_size, seq_len, batch_size = 64, 16, 64
learning_rate, clip = 0.006, 1.0  # the rate falls to zero over the run
seconds, seed, dtype = 60.0, 0, np.float32


def new_parameters(vocab_size, hidden_size, seed, dtype):
    """One vector, and a view of it for each array, so that Adam and clipping treat all numbers alike."""
    V, H, rng = vocab_size, hidden_size, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    U, W, readout = (rng.uniform(-(H**-0.5), H**-0.5, shape) for shape in ((V, 3 * H), (H, 3 * H), (H, V)))
    b = np.repeat([0.0, 1.0, 0.0], H)  # columns: reset, update, candidate; the update gate starts near "keep"
    arrays = {"U": U, "W": W, "b": b, "b_h": np.zeros(3 * H), "V": readout, "c": np.zeros(V)}
    return views(np.concatenate([a.ravel() for a in arrays.values()]).astype(dtype), arrays)


def views(vector, like):
    """The vector, and its parts by name, with the shapes of the arrays in `like`."""
    parts = np.split(vector, np.cumsum([a.size for a in like.values()])[:-1])
    return vector, {name: part.reshape(a.shape) for (name, a), part in zip(like.items(), parts)}


def sigmoid(a):
    return (np.tanh(a * 0.5) + 1) * 0.5  # = 1 / (1 + exp(-a)), and cannot overflow


def step(p, a, h):
    """One time step: a (B, 3 H) is U x + b. Returns the gates, the candidate's hidden projection, and h after it."""
    y = np.concatenate([h @ W for W in np.split(p["W"], 3, axis=1)], axis=-1) + p["b_h"]
    (x_r, x_z, x_n), (y_r, y_z, y_n) = np.split(a, 3, axis=-1), np.split(y, 3, axis=-1)
    r, z = sigmoid(x_r + y_r), sigmoid(x_z + y_z)  # [gru.1]
    n = np.tanh(x_n + r * y_n)  # [gru.2]
    return (r, z, n, y_n), (h - n) * z + n  # [gru.3], which is (1 - z) n + z h


def loss_and_grads(p, grads, inputs, targets, state):
    """inputs and targets (T, B) ids, state (B, H); fills grads; returns the mean loss in nats, and the state after."""
    (T, B), V, (_, H) = inputs.shape, len(p["c"]), state.shape
    a = p["U"][inputs] + p["b"]
    h, saved = np.empty((T + 1, B, H), a.dtype), [()] * T
    h[0] = state
    for t in range(T):
        saved[t], h[t + 1] = step(p, a[t], h[t])
    rows, N, y = h[1:].reshape(-1, H), T * B, targets.ravel()
    o = rows @ p["V"] + p["c"]  # [readout.1]
    o -= 0 if abs(o).max() < 60 else o.max(axis=1, keepdims=True)  # changes no probability; exp cannot overflow
    e = np.exp(o)
    Z = e @ np.ones(V, e.dtype)
    loss = (np.log(Z).astype(float) - o[np.arange(N), y]).mean()  # [readout.2], [readout.3]
    d_o = e / (Z * N)[:, None]
    d_o[np.arange(N), y] -= 1 / N  # [readout.4]
    grads["V"][...], grads["c"][...] = rows.T @ d_o, d_o.sum(axis=0)
    d_h_out = (d_o @ p["V"].T).reshape(T, B, H)  # [readout.5]
    d_x, d_y, d_next = np.empty((3, T, B, H), a.dtype), np.empty((3, T, B, H), a.dtype), 0
    W_back = [np.ascontiguousarray(W.T) for W in np.split(p["W"], 3, axis=1)]
    for t in reversed(range(T)):
        d_h, (r, z, n, y_n) = d_next + d_h_out[t], saved[t]
        d_z = (h[t] - n) * d_h
        d_n = d_h - d_h * z  # [gru.4], which is d_h (1 - z)
        d_x_n = d_n * (1 - n * n)  # [gru.6]
        d_r, d_y_n = d_x_n * y_n, d_x_n * r  # [gru.7]
        d_x[:, t] = d_r * r * (1 - r), d_z * z * (1 - z), d_x_n  # [gru.8]
        d_y[:, t] = d_x[0, t], d_x[1, t], d_y_n
        d_next = d_h * z + sum(d @ W for d, W in zip(d_y[:, t], W_back))  # [gru.5]: past the matrices, and through them
    one_hot = np.eye(V, dtype=a.dtype)[inputs.ravel()].T.copy()
    for k, (d_a, d_b) in enumerate(zip(d_x.reshape(3, N, H), d_y.reshape(3, N, H))):
        of_gate = slice(k * H, (k + 1) * H)
        grads["W"][:, of_gate], grads["b_h"][of_gate] = h[:-1].reshape(-1, H).T @ d_b, d_b.sum(axis=0)
        grads["U"][:, of_gate], grads["b"][of_gate] = one_hot @ d_a, d_a.sum(axis=0)
    return loss, h[-1]


def train(ids, vocab_size, hidden_size, seq_len, batch_size, learning_rate, clip, seed, dtype, steps=None, seconds=0.0):
    """Yield (progress, loss, gradient norm, parameters) after every step, until steps or seconds are used up."""
    vector, p = new_parameters(vocab_size, hidden_size, seed, dtype)
    g, grads = views(np.zeros_like(vector), p)
    m, v, state = np.zeros_like(vector), np.zeros_like(vector), np.zeros((batch_size, hidden_size), dtype)
    windows = (len(ids) - 1) // (seq_len * batch_size)  # each of the B lanes reads its own part of the text
    step, start, progress = 0, time.perf_counter(), 0.0
    while progress < 1:
        epoch, window = divmod(step, windows)
        part = (np.arange(batch_size) + epoch) % batch_size
        state[(part == 0) & (window == 0)] = 0  # a lane that comes to the beginning of the text
        at = part * windows * seq_len + window * seq_len + np.arange(seq_len + 1)[:, None]
        loss, state = loss_and_grads(p, grads, ids[at[:-1]], ids[at[1:]], state)
        norm, step = np.sqrt(np.dot(g, g)), step + 1
        g *= clip / norm if norm > clip else 1.0
        rate = learning_rate * (1 - 0.99 * progress)
        m_sum, v_sum = (1 - 0.9**step) / (1 - 0.9), (1 - 0.999**step) / (1 - 0.999)
        m, v = 0.9 * m + g, 0.999 * v + g * g  # [adam.6]
        vector -= m / (np.sqrt(v) + 1e-8 * v_sum**0.5) * (rate * v_sum**0.5 / m_sum)  # [adam.7]
        progress = step / steps if steps else (time.perf_counter() - start) / seconds
        yield progress, loss, norm, p


def write(p, rng, vocabulary, length, k, stop=None):
    """Characters drawn one after another, each from what the network predicts after the ones before."""
    h, text = np.zeros(len(p["V"])), ""
    while len(text) < length and not (stop and text.endswith(stop)):
        _, h = step(p, p["U"][k] + p["b"], h)
        o = h @ p["V"] + p["c"]
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
    loss, _ = loss_and_grads(p, scratch, val[:-1], val[1:], np.zeros((1, hidden_size)))
    print(f"validation loss {loss:.4f} nats per character (the last 10 %)")
    rng, newline = np.random.default_rng(seed), vocabulary.index("\n") if "\n" in vocabulary else 0
    for _ in range(20 if is_list else 1):
        print(write(p, rng, vocabulary, 50 if is_list else 500, newline, "\n" if is_list else None).strip("\n"))
