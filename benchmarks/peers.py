"""One training step in other hands: PyTorch eager, JAX, and the textbook in NumPy; same network, batch and optimiser.

Each function returns a step: inputs and targets (T, B) in, the loss out. All clip the global norm at 5 and take Adam
steps of 0.001 with PyTorch's other defaults, in float32 except the textbook, which is float64 as textbooks are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[np.ndarray, np.ndarray], float]
CLIP, RATE = 5.0, 0.001
MODULES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


def torch_module(cell: str, vocab_size: int, hidden_size: int, onednn: bool = True) -> Step:
    """`nn.RNN`, `nn.LSTM` or `nn.GRU` on one-hot inputs, `nn.Linear`, fused Adam."""
    import torch

    network = getattr(torch.nn, MODULES[cell])(vocab_size, hidden_size)
    readout = torch.nn.Linear(hidden_size, vocab_size)
    parameters = [*network.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)

    def step(inputs: np.ndarray, targets: np.ndarray) -> float:
        with torch.backends.mkldnn.flags(enabled=onednn):
            x = torch.nn.functional.one_hot(torch.from_numpy(inputs.astype(np.int64)), vocab_size).float()
            optimizer.zero_grad(set_to_none=True)
            logits = readout(network(x)[0])
            y = torch.from_numpy(targets.astype(np.int64))
            loss = torch.nn.functional.cross_entropy(logits.reshape(-1, vocab_size), y.reshape(-1))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
        return loss.item()

    return step


def torch_loop(vocab_size: int, hidden_size: int) -> Step:
    """A vanilla RNN by hand: rows gathered, a loop of addmm and tanh, one product for all logits; fused Adam."""
    import torch

    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Any:
        return torch.empty(shape).uniform_(-(hidden_size**-0.5), hidden_size**-0.5, generator=generator)

    shapes = [(vocab_size, hidden_size), (hidden_size, hidden_size), (hidden_size, vocab_size), (vocab_size,)]
    U, W, V, c = parameters = [torch.nn.Parameter(uniform(*shape)) for shape in shapes]
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)

    def step(inputs: np.ndarray, targets: np.ndarray) -> float:
        optimizer.zero_grad(set_to_none=True)
        projected = U[torch.from_numpy(inputs.astype(np.int64))]
        h, states = torch.zeros(inputs.shape[1], hidden_size), []
        for x in projected:
            h = torch.tanh(torch.addmm(x, h, W))
            states.append(h)
        logits = torch.addmm(c, torch.stack(states).reshape(-1, hidden_size), V)
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets.astype(np.int64)).reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        return loss.item()

    return step


def torch_qrnn(model: Any, params: Any) -> Step:
    """The quasi-recurrent network in PyTorch, all products over the whole window; its pooling is a loop over time."""
    import torch

    L, V = model.config.num_layers, model.config.vocab_size
    p = {name: torch.nn.Parameter(torch.tensor(np.array(a, order="C"))) for name, a in params.items()}
    optimizer = torch.optim.Adam(p.values(), lr=RATE, fused=True)

    def norm(x: Any, scale: Any) -> Any:
        return torch.nn.functional.rms_norm(x, scale.shape, scale, 1e-6)

    def step(inputs: np.ndarray, targets: np.ndarray) -> float:
        optimizer.zero_grad(set_to_none=True)
        x = torch.nn.functional.embedding(torch.from_numpy(inputs.astype(np.int64)), p["recurrent.embedding"].t())
        for k in range(L):
            u = norm(x, p[f"recurrent.norm_l{k}"])
            pairs = torch.cat([torch.cat([torch.zeros_like(u[:1]), u[:-1]]), u], dim=2)
            a = torch.nn.functional.linear(pairs, p[f"recurrent.weight_l{k}"], p[f"recurrent.bias_l{k}"])
            z, f, o = a.chunk(3, dim=2)
            f = torch.sigmoid(f)
            new = (1 - f) * torch.tanh(z)
            c, cells = torch.zeros_like(x[0]), []
            for f_t, new_t in zip(f, new, strict=True):
                c = torch.addcmul(new_t, f_t, c)
                cells.append(c)
            x = x + torch.sigmoid(o) * torch.stack(cells)
        logits = torch.nn.functional.linear(norm(x, p["readout.norm"]), p["readout.weight"], p["readout.bias"])
        y = torch.from_numpy(targets.astype(np.int64)).reshape(-1)
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(p.values(), CLIP)
        optimizer.step()
        return loss.item()

    return step


def jax_scan(cell: str, vocab_size: int, hidden_size: int) -> Step:
    """`lax.scan` under jit with donated buffers; rows gathered, one product for all logits."""
    import jax
    import jax.numpy as jnp

    G, H = {"rnn": 1, "lstm": 4, "gru": 3}[cell], hidden_size
    rng = np.random.default_rng(0)
    shapes = {"U": (vocab_size, G * H), "W": (H, G * H), "b": (G * H,), "V": (H, vocab_size), "c": (vocab_size,)}
    if cell == "gru":
        shapes["b_hidden"] = (G * H,)
    params = {n: jnp.asarray(rng.uniform(-(H**-0.5), H**-0.5, s), jnp.float32) for n, s in shapes.items()}
    zeros = {n: jnp.zeros_like(a) for n, a in params.items()}

    def advance(p: Any, state: Any, x: Any) -> Any:
        h, c = state
        y = h @ p["W"]
        if cell == "rnn":
            h = jnp.tanh(x + y)
        elif cell == "lstm":
            i, f, g, o = jnp.split(x + y, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
        else:
            (x_r, x_z, x_n), (y_r, y_z, y_n) = jnp.split(x, 3, axis=1), jnp.split(y + p["b_hidden"], 3, axis=1)
            r, z = jax.nn.sigmoid(x_r + y_r), jax.nn.sigmoid(x_z + y_z)
            n = jnp.tanh(x_n + r * y_n)
            h = (1 - z) * n + z * h
        return (h, c), h

    def loss_of(p: Any, inputs: Any, targets: Any) -> Any:
        start = jnp.zeros((inputs.shape[1], H), jnp.float32)
        projected = p["U"][inputs] + p["b"]
        _, hs = jax.lax.scan(lambda state, x: advance(p, state, x), (start, start), projected)
        logits = hs @ p["V"] + p["c"]
        chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
        return (jax.nn.logsumexp(logits, axis=-1) - chosen).mean()

    def update(p: Any, m: Any, v: Any, t: Any, inputs: Any, targets: Any) -> Any:
        loss, g = jax.value_and_grad(loss_of)(p, inputs, targets)
        norm = jnp.sqrt(sum((a * a).sum() for a in g.values()))
        g = {n: a * jnp.minimum(1.0, CLIP / (norm + 1e-6)) for n, a in g.items()}
        m = {n: 0.9 * m[n] + 0.1 * g[n] for n in g}
        v = {n: 0.999 * v[n] + 0.001 * g[n] ** 2 for n in g}
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        p = {n: p[n] - RATE * (m[n] / c1) / (jnp.sqrt(v[n] / c2) + 1e-8) for n in g}
        return p, m, v, loss

    compiled = jax.jit(update, donate_argnums=(0, 1, 2))
    held = [params, dict(zeros), {n: jnp.zeros_like(a) for n, a in params.items()}]
    count = 0

    def step(inputs: np.ndarray, targets: np.ndarray) -> float:
        nonlocal held, count
        count += 1
        *held, loss = compiled(*held, jnp.float32(count), inputs.astype(np.int32), targets.astype(np.int32))
        return float(loss)

    return step


def textbook(vocab_size: int, hidden_size: int) -> Step:
    """The vanilla RNN as notebooks write it: one-hot products, outer products step by step, a dictionary of arrays."""
    rng = np.random.default_rng(0)
    shapes = {
        "U": (hidden_size, vocab_size), "W": (hidden_size, hidden_size), "b": (hidden_size, 1),
        "V": (vocab_size, hidden_size), "c": (vocab_size, 1),
    }  # fmt: skip
    p = {name: rng.normal(0, 0.01, shape) for name, shape in shapes.items()}
    m = {name: np.zeros(shape) for name, shape in shapes.items()}
    v = {name: np.zeros(shape) for name, shape in shapes.items()}
    count = 0

    def step(inputs: np.ndarray, targets: np.ndarray) -> float:
        nonlocal count
        T, B = inputs.shape
        xs, hs, ps, loss = {}, {-1: np.zeros((hidden_size, B))}, {}, 0.0
        for t in range(T):
            xs[t] = np.zeros((vocab_size, B))
            xs[t][inputs[t], np.arange(B)] = 1
            hs[t] = np.tanh(p["U"] @ xs[t] + p["W"] @ hs[t - 1] + p["b"])
            o = p["V"] @ hs[t] + p["c"]
            e = np.exp(o - o.max(axis=0))
            ps[t] = e / e.sum(axis=0)
            loss -= np.log(ps[t][targets[t], np.arange(B)]).sum()
        g = {name: np.zeros_like(a) for name, a in p.items()}
        d_h_next = np.zeros((hidden_size, B))
        for t in reversed(range(T)):
            d_o = ps[t].copy()
            d_o[targets[t], np.arange(B)] -= 1
            g["V"] += d_o @ hs[t].T
            g["c"] += d_o.sum(axis=1, keepdims=True)
            d_a = (1 - hs[t] ** 2) * (p["V"].T @ d_o + d_h_next)
            g["U"] += d_a @ xs[t].T
            g["W"] += d_a @ hs[t - 1].T
            g["b"] += d_a.sum(axis=1, keepdims=True)
            d_h_next = p["W"].T @ d_a
        for a in g.values():
            a /= T * B
        norm = np.sqrt(sum((a**2).sum() for a in g.values()))
        if norm > CLIP:
            for a in g.values():
                a *= CLIP / norm
        count += 1
        for name, a in g.items():
            m[name] = 0.9 * m[name] + 0.1 * a
            v[name] = 0.999 * v[name] + 0.001 * a**2
            p[name] -= RATE * (m[name] / (1 - 0.9**count)) / (np.sqrt(v[name] / (1 - 0.999**count)) + 1e-8)
        return loss / (T * B)

    return step
