"""Validation loss against CPU seconds on one core: our recipes beside what else a reader could train or count.

The first 90 % of the text train, the last 10 % validate, always the whole split with the state carried (nanoGPT: in
windows of 64 that overlap by half, so that each character has at least 32 before it). Training time is process CPU time
with what comes before the first step, such as counting, and without evaluations; of the eight evaluations of a run the
best counts, which is what a run keeps. With these parameters, networks with experts are evaluated twice more: with
counts that take in what was read ("in-context"), and while the parameters learn as well ("dynamic"). Peers:

- a PyTorch LSTM, one layer of 256, one-hot inputs, 32 lanes of 32, fused Adam, the schedule of our recipes;
- nanoGPT's recipe for a CPU, written anew: 4 layers, 4 heads, 128 wide, window 64, batch 12, AdamW from 1e-3 to 1e-4,
  beta2 0.99, weight decay 0.1, 2,000 steps, warm-up 100, no dropout, no biases;
- Witten-Bell and modified Kneser-Ney n-grams, their order chosen on validation; PPMd of order 6 (pyppmd), which adapts;
- the counts that our networks know, in a log-linear mixture with one weight each, fitted on every other character;
- our recipes without these counts ("plain").

    python benchmarks/time_to_loss.py TEXT.txt [--seconds 60 180 600] [--seeds 3] [--out RESULTS.json]
        [--only ours plain vanilla torch count] [--figure CURVES.png]
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine

# isort: split
import numpy as np

from charrnn.config import make_config
from charrnn.ngrams import Experts, OnText, best_ngram, choose_experts, in_context
from charrnn.recipes import read_recipe
from charrnn.runs.files import write_atomic, write_json
from charrnn.scoring import evaluate
from charrnn.studies.mixing import fitted_weights, mixed_nats
from charrnn.text.corpus import Corpus
from charrnn.text.library import read_text
from charrnn.training.dynamic import evaluate_dynamic
from charrnn.training.in_context import evaluate_in_context
from charrnn.training.trainer import new_trainer

GROUPS = ["ours", "plain", "vanilla", "torch", "count"]
POINTS = 8  # evaluations along the way
OURS = {60.0: "quick", 180.0: "good", 600.0: "best"}  # the recipe whose size is meant for the seconds
Point = tuple[float, float]  # CPU seconds of training, validation loss in nats per character


def recipe_for(seconds: float) -> str:
    return min(OURS.items(), key=lambda item: abs(math.log(item[0] / seconds)))[1]


def train_ours(corpus: Corpus, recipe_name: str, seconds: float, seed: int) -> tuple[list[Point], dict[str, float]]:
    """The learning curve of a recipe with a budget of CPU seconds, and the losses at its end of models that adapt."""
    splits = corpus.split(0.1, 0.0)
    val = splits["val"]
    recipe = read_recipe(recipe_name)
    sized = {**recipe.settings, **recipe.for_characters(len(splits["train"]))}
    config = make_config({**{k: v for k, v in sized.items() if k != "steps"}, "seed": seed})
    begun = time.process_time()
    trainer = new_trainer(config, corpus.vocabulary.characters, splits["train"])
    used = time.process_time() - begun
    model, params, experts = trainer.model, trainer.params, trainer.experts
    on_val = None if experts is None else OnText(experts, val)
    points, best, best_params = [], math.inf, params.vector.copy()
    while used < seconds:
        begun = time.process_time()
        trainer.step(used / seconds)
        used += time.process_time() - begun
        if used >= seconds * (len(points) + 1) / POINTS:
            points.append((used, evaluate(model, params, val, on_val).nats_per_char))
            if points[-1][1] < best:
                best, best_params = points[-1][1], params.vector.copy()
    params.vector[...] = best_params
    adapting = {"dynamic": evaluate_dynamic(model, params, val, experts=experts).nats_per_char}
    if experts is not None:
        adapting["in-context"] = evaluate_in_context(model, params, val, experts).nats_per_char
    return points, adapting


def train_torch_lstm(corpus: Corpus, seconds: float, seed: int) -> list[Point]:
    import torch

    T, B, H, V = 32, 32, 256, len(corpus.vocabulary)
    splits = {name: torch.from_numpy(ids.astype(np.int64)) for name, ids in corpus.split(0.1, 0.0).items()}
    torch.manual_seed(seed)
    network, readout = torch.nn.LSTM(V, H), torch.nn.Linear(H, V)
    parameters = [*network.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, betas=(0.9, 0.99), fused=True)
    one_hot = torch.nn.functional.one_hot
    lane = (len(splits["train"]) - 1) // B
    inputs, targets = (splits["train"][k : k + lane * B].reshape(B, lane).t() for k in (0, 1))

    def loss_of(x: Any, y: Any, state: Any) -> Any:
        outputs, state = network(one_hot(x, V).float(), state)
        loss = torch.nn.functional.cross_entropy(readout(outputs).reshape(-1, V), y.reshape(-1))
        return loss, tuple(s.detach() for s in state)

    @torch.no_grad()
    def validation() -> float:
        state, total, val = None, 0.0, splits["val"]
        for start in range(0, len(val) - 1, 512):
            x, y = val[start : start + 513][:-1], val[start : start + 513][1:]
            loss, state = loss_of(x[:, None], y[:, None], state)
            total += loss.item() * len(x)
        return total / (len(val) - 1)

    used, points, state, t = 0.0, [], None, 0
    while used < seconds:
        begun = time.process_time()
        if t + T > lane:
            t, state = 0, None
        progress = used / seconds
        rate = 6e-3 * min(1.0, progress / 0.03 + 1e-3) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss, state = loss_of(inputs[t : t + T], targets[t : t + T], state)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        t += T
        used += time.process_time() - begun
        if used >= seconds * (len(points) + 1) / POINTS:
            points.append((used, validation()))
    return points


def train_nanogpt(corpus: Corpus, steps: int, seed: int) -> list[Point]:
    import torch
    from torch.nn import functional

    V, D, L, HEADS, T, B = len(corpus.vocabulary), 128, 4, 4, 64, 12
    train, val = (torch.from_numpy(ids.astype(np.int64)) for name, ids in corpus.split(0.1, 0.0).items() if len(ids))
    torch.manual_seed(seed)

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = (torch.nn.LayerNorm(D, bias=False) for _ in range(2))
            self.qkv, self.out = torch.nn.Linear(D, 3 * D, bias=False), torch.nn.Linear(D, D, bias=False)
            self.up, self.down = torch.nn.Linear(D, 4 * D, bias=False), torch.nn.Linear(4 * D, D, bias=False)

        def forward(self, x: Any) -> Any:
            b, t, _ = x.shape
            q, k, v = (y.view(b, t, HEADS, D // HEADS).transpose(1, 2) for y in self.qkv(self.norm1(x)).split(D, 2))
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(b, t, D))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))

    class GPT(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = torch.nn.Embedding(V, D), torch.nn.Embedding(T, D)
            self.blocks = torch.nn.Sequential(*(Block() for _ in range(L)))
            self.norm = torch.nn.LayerNorm(D, bias=False)
            for name, p in self.named_parameters():
                if p.dim() > 1:
                    torch.nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * L) if "out" in name or "down" in name else 0.02)

        def forward(self, ids: Any) -> Any:
            x = self.token(ids) + self.place(torch.arange(ids.shape[1]))
            return self.norm(self.blocks(x)) @ self.token.weight.t()

    network = GPT()
    matrices = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)

    @torch.no_grad()
    def validation() -> float:
        half, total = T // 2, 0.0
        windows = val.unfold(0, T + 1, half)
        for start in range(0, len(windows), 64):
            piece = windows[start : start + 64]
            nats = functional.cross_entropy(network(piece[:, :-1]).transpose(1, 2), piece[:, 1:], reduction="none")
            total += nats[:, half:].sum().item()
        return total / (len(windows) * half)

    used, points = 0.0, []
    for step in range(steps):
        begun = time.process_time()
        decay = (1 + math.cos(math.pi * max(0, step - 100) / (steps - 100))) / 2
        rate = 1e-3 * (step + 1) / 101 if step < 100 else 1e-4 + decay * 9e-4
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(train) - T, (B,))
        batch = torch.stack([train[s : s + T + 1] for s in starts])
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(network(batch[:, :-1]).reshape(-1, V), batch[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        used += time.process_time() - begun
        if step + 1 >= steps * (len(points) + 1) / POINTS:
            points.append((used, validation()))
    return points


def count_experts(corpus: Corpus) -> dict[str, Point]:
    """The experts alone, one weight each: every other character, with the weights that are best on the rest."""
    train, val = (corpus.split(0.1, 0.0)[name] for name in ("train", "val"))
    characters, targets = corpus.vocabulary.characters, val[1:].astype(int)
    names = choose_experts("auto", characters, train)
    begun = time.process_time()
    experts = Experts.count(names, characters, train)
    seconds, halves = time.process_time() - begun, [np.arange(k, len(targets), 2) for k in (0, 1)]
    found = {}
    for what, on_text in (("static", OnText(experts, val)), ("in-context", in_context(experts, val))):
        pieces = [on_text.log_q(np.array([s]), min(512, len(targets) - s)) for s in range(0, len(targets), 512)]
        log_q = np.concatenate([piece[:, :, 0] for piece in pieces], axis=1)  # (S, N, V)

        best = [fitted_weights(log_q[:, half], targets[half]) for half in halves]
        nats = [mixed_nats(best[1 - k], log_q[:, half], targets[half]) for k, half in enumerate(halves)]
        found[f"{' + '.join(names)}, {what}"] = (seconds, float(np.concatenate(nats).mean()))
    return found


def count(corpus: Corpus, text: str) -> dict[str, Point]:
    """What takes no training: seconds, loss."""
    splits, found = corpus.split(0.1, 0.0), {}
    for smoothing in ("Witten–Bell", "Kneser–Ney"):
        begun = time.process_time()
        model, loss = best_ngram(splits["train"], splits["val"], len(corpus.vocabulary), smoothing)
        found[f"{smoothing} {model.order}-gram"] = (time.process_time() - begun, loss)
    found |= count_experts(corpus)
    import pyppmd

    begun, n = time.process_time(), len(splits["train"])
    sizes = [8 * len(pyppmd.compress(t, max_order=6, mem_size=1 << 28)) for t in (text[:n].encode(), text.encode())]
    found["PPMd order 6 (adapts)"] = (
        time.process_time() - begun,
        (sizes[1] - sizes[0]) * math.log(2) / (len(text) - n),
    )
    return found


def draw(results: dict[str, Any], path: Path) -> None:
    from charrnn.figures.style import COLOURS, STYLES, image, new_figure

    figure = new_figure(8, 4.6)
    axes = figure.subplots()
    for number, (name, runs) in enumerate(results["curves"].items()):
        seconds, losses = np.mean(runs, axis=0).T
        axes.plot(seconds, losses, STYLES[number % len(STYLES)], color=COLOURS[number % len(COLOURS)], marker="o",
                  markersize=3, label=name)  # fmt: skip
    for name, (_, loss) in results["counted"].items():
        axes.axhline(loss, color="grey", linewidth=0.8)
        axes.annotate(f"{name}: {loss:.3f}", (1.0, loss), xycoords=("axes fraction", "data"), fontsize=7,
                      ha="right", va="bottom", color="0.3")  # fmt: skip
    axes.set(xscale="log", xlabel="CPU seconds of training, one core", ylabel="validation loss (nats per character)",
             ylim=(None, 2.1), title=results["text"])  # fmt: skip
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    write_atomic(path, image(figure, path.suffix[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0, 180.0, 600.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=None)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    wanted = options.only or GROUPS
    reading = read_text([options.text], "utf-8")
    corpus = Corpus.from_reading(reading)
    results: dict[str, Any] = {"machine": machine.describe(), "text": corpus.name, "curves": {}, "counted": {}}
    if options.out and options.out.is_file():  # what was measured before is kept
        results = json.loads(options.out.read_text())
        if results["text"] != corpus.name:
            raise SystemExit(f"{options.out} holds results of {results['text']}")
    print(f"{machine.describe()}; {corpus.name}, last 10 % validate; nats per character", flush=True)

    def measure(name: str, train: Callable[[int], tuple[list[Point], dict[str, float]]]) -> None:
        runs = [train(seed) for seed in range(options.seeds)]
        ends = [min(loss for _, loss in points) for points, _ in runs]  # the best is what a run keeps
        adapting = {how: [adapted[how] for _, adapted in runs] for how in runs[0][1]}
        results.setdefault("adapting", {})[name] = adapting
        results["curves"][name] = [points for points, _ in runs]
        results.setdefault("measured", {})[name] = machine.describe()
        means = "".join(f"; {how} {np.mean(losses):.4f}" for how, losses in adapting.items())
        print(
            f"{name}: {np.mean(ends):.4f} ({min(ends):.4f} to {max(ends):.4f}) after {runs[0][0][-1][0]:.0f} CPU s"
            f"{means}", flush=True,
        )  # fmt: skip
        if options.out:
            write_json(options.out, results)

    if "count" in wanted:
        results["counted"] = count(corpus, reading.text)
        for name, (seconds, loss) in results["counted"].items():
            print(f"{name}: {loss:.4f} in {seconds:.1f} s", flush=True)
    for seconds in options.seconds if "ours" in wanted else []:
        recipe = recipe_for(seconds)
        measure(f"{recipe}, {seconds:g} s", lambda seed, r=recipe, s=seconds: train_ours(corpus, r, s, seed))
    for seconds in options.seconds if "plain" in wanted else []:
        measure(
            f"plain {recipe_for(seconds)}, {seconds:g} s",
            lambda seed, s=seconds: train_ours(corpus, f"plain-{recipe_for(s)}", s, seed),
        )
    for seconds in options.seconds if "vanilla" in wanted else []:
        measure(f"rnn, {seconds:g} s", lambda seed, s=seconds: train_ours(corpus, "rnn", s, seed))
    if "torch" in wanted:
        machine.limit_torch(1)
        measure("nanoGPT's CPU recipe", lambda seed: (train_nanogpt(corpus, 2000, seed), {}))
        measure("PyTorch LSTM 256, 180 s", lambda seed: (train_torch_lstm(corpus, 180.0, seed), {}))
    if options.out:
        write_json(options.out, results)
    if options.figure:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
