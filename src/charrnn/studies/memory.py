"""How far does a network remember: the gradient against the lag, and the loss against the characters of context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from charrnn.arrays import Array
from charrnn.figures.style import COLOURS, STYLES, finish, new_figure
from charrnn.language_model import LanguageModel
from charrnn.ngrams import NGram
from charrnn.nn.layers import LAYERS
from charrnn.randomness import stream
from charrnn.reports import Captioned
from charrnn.scoring.evaluation import surprises
from charrnn.studies.cells import BATCH_SIZE, RNN_SIZE, parameters, size_for
from charrnn.studies.closing import by_distance, closing_finding, draw_closing, names, pairs
from charrnn.studies.findings import beside_ngram, listed, ranked
from charrnn.studies.jacobians import memory
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import Result, tabulate
from charrnn.studies.savings import HALF, cache_hits, draw_savings, saved, savings_finding, word_hits
from charrnn.threads import blas_threads

LAGS = (1, 2, 4, 7, 10, 15, 20, 30, 45)
FAR = 30  # the lag of the findings
CONTEXT = 60  # characters
PLACES, QUICK_PLACES = 24, 6
ORDERS = range(1, 9)
Norms = Mapping[str, tuple[Array, Array]]  # cell → before and after training, (seeds, lags)


def run(lab: Lab) -> Report:
    """Train every registered cell at equal parameters, and measure its memory before and after."""
    epochs, vocab_size, val = 1.0 if lab.quick else 5.0, len(lab.corpus.vocabulary), lab.splits["val"]
    sizes = {cell: size_for(cell, vocab_size, parameters("rnn", vocab_size, RNN_SIZE)) for cell in LAYERS}
    jobs = [
        Job(f"{cell} {size}, seed {seed}",
            {"cell": cell, "hidden_size": size, "batching": "chunked", "batch_size": BATCH_SIZE, "seed": seed},
            epochs, keep_model=True)
        for cell, size in sizes.items() for seed in range(lab.seeds)
    ]  # fmt: skip
    results = lab.train(jobs)
    groups = {cell: results[k * lab.seeds : (k + 1) * lab.seeds] for k, cell in enumerate(LAYERS)}
    models = {cell: [lab.model(r) for r in group] for cell, group in groups.items()}
    lags = tuple(lag for lag in LAGS if 2 * lag < len(val)) or (1,)
    places = np.linspace(2 * max(lags), len(val), QUICK_PLACES if lab.quick else PLACES).astype(int)
    with blas_threads(1):
        norms = {cell: _norms(groups[cell], models[cell], val, places, lags) for cell in LAYERS}
        context = {cell: np.mean([by_context(m, val) for m in models[cell]], axis=0) for cell in LAYERS}

    def ngram(order: int) -> NGram:
        return NGram(lab.splits["train"], vocab_size, order, documents=lab.corpus.vocabulary.documents)

    counted = {order: ngram(order).nats(val) for order in ORDERS}
    ngrams = {order: float(nats[1:].mean()) for order, nats in counted.items()}
    best = min(ngrams, key=lambda order: ngrams[order])
    nats = {cell: [_nats(model, val) for model in models[cell]] for cell in LAYERS}
    closed = list(pairs(lab.val_text))
    closing = {cell: np.mean([by_distance(x, closed) for x in of_cell], axis=0) for cell, of_cell in nats.items()}
    closing[f"{best}-gram"] = by_distance(counted[best], closed)
    savers = {f"a {best}-gram": counted[best] < HALF, "a cache": cache_hits(lab.val_text),
              "a word list": word_hits(lab.train_text, lab.val_text)}  # fmt: skip
    savings = {cell: _average([saved(x[1:], {name: hits[1:] for name, hits in savers.items()}) for x in of_cell])
               for cell, of_cell in nats.items()}  # fmt: skip
    rows, columns = tabulate(
        groups,
        {cell: {"label": f"{cell}, hidden size {size}", "parameters": groups[cell][0]["parameters"]}
         for cell, size in sizes.items()},
        {"label": "cell", "parameters": "parameters", "val_loss": f"validation after {epochs:g} epochs"}, {},
    )  # fmt: skip
    far = FAR if FAR in lags else max(lags)
    for cell, row in rows.items():
        for when, of_cell in zip(("before", "after"), norms[cell], strict=True):
            row |= {f"gradient_{when}_lag_{lag}": float(_mean(of_cell)[k]) for k, lag in enumerate(lags)}
        row |= {f"loss_with_{n}_characters": float(context[cell][n - 1]) for n in (1, 2, 5, 10, 20, 40)
                if n <= len(context[cell])}  # fmt: skip
        row |= {f"closing_{name}": float(x) for name, x in zip(names(), closing[cell], strict=True) if np.isfinite(x)}
        row |= {"errors" if name == "errors" else f"errors saved by {name}": share
                for name, share in savings[cell].items()}  # fmt: skip
    columns |= {f"gradient_before_lag_{far}": f"gradient at lag {far}, untrained",
                f"gradient_after_lag_{far}": "trained"}  # fmt: skip
    return Report(
        [*rows.values(), *lab.baselines()],
        columns,
        [
            *_findings(norms, context, ngrams, lags, far),
            closing_finding(closing, closed),
            savings_finding(savings),
            beside_ngram(lab, rows.values()),
        ],
        {
            "gradients": _gradients(norms, lags),
            "context": _contexts(context, ngrams),
            "closing": draw_closing(closing),
            "savings": draw_savings(savings),
        },
    )


def _norms(
    group: Sequence[Result], models: Sequence[LanguageModel], val: Array, places: Array, lags: tuple[int, ...]
) -> tuple[Array, Array]:
    """The size of the gradient by lag, (seeds, lags): of fresh networks and of trained ones."""
    before, after = [], []
    for result, model in zip(group, models, strict=True):
        network = model.network
        fresh = network.init_parameters(stream(result["settings"]["seed"], "initialisation"))
        before.append(memory(network, fresh, val, places, lags))
        after.append(memory(network, model.params, val, places, lags))
    return np.array(before), np.array(after)


def _nats(model: LanguageModel, ids: Array) -> Array:
    """The loss at each character of a text, (N,), the state carried through it; 0 at the first."""
    return np.concatenate([[0.0], *surprises(model.network, model.params, ids)])


def _average(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([f[name] for f in found])) for name in found[0]}


def by_context(model: LanguageModel, ids: Array) -> Array:
    """The mean loss after 1, 2, … characters of context, (CONTEXT,), over windows that begin without any."""
    T = min(CONTEXT, len(ids) - 1)
    starts = np.arange(0, len(ids) - T, max(1, (len(ids) - T) // 2000))
    windows = ids[starts[None] + np.arange(T + 1)[:, None]]
    network, dtype = model.network, model.params.vector.dtype
    state, workspace = network.zero_state(len(starts), dtype), network.workspace(T, len(starts), dtype)
    nats, _ = network.nats(model.params, windows[:-1], windows[1:], state, workspace)
    return np.asarray(nats.mean(axis=1))


def _mean(norms: Array) -> Array:
    """The geometric mean over seeds."""
    return np.asarray(np.exp(np.log(norms).mean(axis=0)))


def _findings(
    norms: Norms, context: Mapping[str, Array], ngrams: Mapping[int, float], lags: tuple[int, ...], far: int
) -> list[str]:
    at = lags.index(far)
    found = []
    for k, when in enumerate(("untrained", "trained")):
        sizes = {cell: float(_mean(of_cell[k])[at]) for cell, of_cell in norms.items()}
        most, least = list(ranked(sizes))[-1], next(iter(ranked(sizes)))
        said = ", ".join(f"{cell} {size:.1e}" for cell, size in ranked(sizes).items())
        found.append(
            f"Size of the gradient {far} characters back, {when}: {said}. That of the {least} is the smallest, "
            f"{sizes[most] / sizes[least]:.1e} times smaller than that of the {most}."
        )
    long = {cell: float(losses[-1]) for cell, losses in context.items()}
    few = {cell: int(np.argmax(losses <= losses[-1] + 0.05)) + 1 for cell, losses in context.items()}
    found.append(
        f"With {len(next(iter(context.values())))} characters of context the losses are {listed(ranked(long))} nats "
        "per character (validation). To come within 0.05 nats of that, they need "
        + ", ".join(f"{n} ({cell})" for cell, n in few.items()) + " characters."
    )  # fmt: skip
    best = min(ngrams, key=lambda order: ngrams[order])
    found.append(
        f"A Witten–Bell n-gram is best with {best - 1} characters of context: {ngrams[best]:.4f} nats per character "
        "(validation)."
    )
    return found


def _gradients(norms: Norms, lags: tuple[int, ...]) -> Captioned:
    figure = new_figure(9, 3.8)
    for k, (axes, title) in enumerate(zip(figure.subplots(1, 2, sharey=True), ("untrained", "trained"), strict=True)):
        for number, (cell, of_cell) in enumerate(norms.items()):
            style = {"color": COLOURS[number % len(COLOURS)], "linewidth": 1.6}
            axes.plot(lags, _mean(of_cell[k]), STYLES[number % len(STYLES)], label=cell, **style)
            axes.fill_between(lags, of_cell[k].min(axis=0), of_cell[k].max(axis=0), color=style["color"], alpha=0.18)
        finish(axes, legend=k == 0, xlabel="lag (characters)", title=title, yscale="log")
    figure.axes[0].set_ylabel("size of ∂output/∂state")
    return Captioned(
        figure,
        "The derivative of an output by the state some characters before (Frobenius norm over the root of the hidden "
        "size, geometric mean over places and seeds, range over seeds). A straight line down: it vanishes.",
    )


def _contexts(context: Mapping[str, Array], ngrams: Mapping[int, float]) -> Captioned:
    figure = new_figure(7, 4)
    axes = figure.subplots()
    for number, (cell, losses) in enumerate(context.items()):
        style = STYLES[number % len(STYLES)]
        axes.plot(np.arange(1, len(losses) + 1), losses, style, color=COLOURS[number % len(COLOURS)], label=cell)
    counted = [order - 1 for order in ngrams if order > 1]
    axes.plot(counted, [ngrams[n + 1] for n in counted], "k.", label="n-gram, Witten–Bell")
    finish(axes, xlabel="characters of context", ylabel="validation loss (nats per character)", xscale="log")
    return Captioned(
        figure,
        "Validation loss against the number of characters that have been read, from windows that begin with an empty "
        "state; beside it, n-grams of so much context over the whole split.",
    )


STUDY = Study(
    "memory",
    "How far a network remembers",
    "How fast does the gradient fade with distance, before and after training, and how many characters of context does "
    f"a network use? Cells with as many parameters as a vanilla RNN of {RNN_SIZE} units; chunked order, batch "
    f"{BATCH_SIZE}, windows of 25, Adam 0.001 for all.",
    run,
)
