"""Temperature and nucleus: what they do to the text that a network writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from charrnn.arrays import Array
from charrnn.figures.style import COLOURS, STYLES, new_figure, plain
from charrnn.generation.filters import apply_filters, make_sampling, probabilities
from charrnn.language_model import LanguageModel
from charrnn.reports import Captioned
from charrnn.scoring import longest_copy
from charrnn.studies.drawing import panel_of_text
from charrnn.studies.findings import verdict
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import Row, distinct_ngrams, share_of_words, words
from charrnn.threads import blas_threads

TEMPERATURES = (0.2, 0.5, 0.7, 1.0, 1.3)
TOP_PS = (0.5, 0.8, 0.95, 1.0)
SAMPLES, LENGTH = 8, 600
Setting = tuple[float, float]  # a temperature and a top-p
MEASURES = {
    "real_words": "share of real words", "distinct": "distinct 8-grams", "copied": "longest copy (characters)",
    "entropy": "entropy of the next character (bits)", "ngram_loss": "loss under the n-gram (nats per character)",
}  # fmt: skip


def run(lab: Lab) -> Report:
    """Sample one network with a grid of settings, and the same seeds everywhere."""
    epochs = 3.0 if lab.quick else 10.0
    job = Job(
        f"reference network, chunked, batch 10, {epochs:g} epochs", {"batching": "chunked", "batch_size": 10},
        epochs, 1.0, keep_model=True,
    )  # fmt: skip
    (result,) = lab.train([job])
    model = lab.model(result)
    known = set(words(lab.train_text))
    samples: dict[Setting, str] = {}
    cells: dict[Setting, Row] = {}
    for temperature in TEMPERATURES:
        for top_p in TOP_PS:
            texts = model.generate_many(SAMPLES, "", LENGTH, temperature=temperature, top_p=top_p, seed=1)
            samples[temperature, top_p] = texts[0]
            entropy = mean_entropy(model, texts, temperature, top_p)
            cells[temperature, top_p] = measure(lab, texts, known, entropy)
        lab.say(f"temperature {temperature:g}: sampled and measured")
    pieces = [lab.val_text[k * LENGTH : (k + 1) * LENGTH] for k in range(SAMPLES)]
    book = measure(lab, [piece for piece in pieces if len(piece) > LENGTH // 2] or [lab.val_text], known, None)
    rows: list[Row] = [{"label": f"T {t:g}, top-p {p:g}", **row} for (t, p), row in cells.items()]
    rows.append({"label": "the text itself (validation split)", **book})
    rows += [{"label": row["label"], "val_loss": row["val_loss"]} for row in (result, *lab.baselines())]
    figures = {
        "texts": _texts(samples, known), "measures": _measures(cells, book),
        "nucleus": _nucleus(model, lab.val_text[:200]),
    }  # fmt: skip
    columns = {"label": "sampling", **MEASURES, "val_loss": "validation loss"}
    return Report(rows, columns, _findings(cells, book), figures)


def measure(lab: Lab, texts: list[str], known: set[str], entropy: float | None) -> Row:
    """Return the measures of some texts."""
    ngram, _ = lab.ngram()
    losses = [ngram.nats(lab.corpus.vocabulary.encode(text))[ngram.order :].mean() for text in texts]
    return {
        "real_words": float(np.mean([share_of_words(text, known) for text in texts])),
        "distinct": distinct_ngrams("\n".join(texts)),
        "copied": max(len(longest_copy(text, lab.train_text)) for text in texts),
        "entropy": entropy,
        "ngram_loss": float(np.mean(losses)),
    }


def mean_entropy(model: LanguageModel, texts: list[str], temperature: float, top_p: float) -> float:
    """Return the mean entropy, in bits, of the filtered distributions from which the texts were drawn."""
    logits = _logits(model, np.stack([model.vocabulary.encode(text) for text in texts], axis=1))
    flat = logits[:-1].reshape(-1, logits.shape[2])
    apply_filters(flat, make_sampling({"temperature": temperature, "top_p": top_p}))
    probs = probabilities(flat)
    return float(-(probs * np.log2(np.where(probs > 0, probs, 1.0))).sum(axis=1).mean())


@blas_threads(1, unless_set=True)
def _logits(model: LanguageModel, ids: Array) -> Array:
    """Return the logits (T, B, V) after each of the ids (T, B), in float64, from a zero state."""
    network, dtype = model.network, model.params.vector.dtype
    workspace = network.workspace(len(ids), ids.shape[1], dtype)
    logits, _ = network.forward(model.params, ids, network.zero_state(ids.shape[1], dtype), workspace)
    return logits.astype(np.float64)


def _texts(samples: Mapping[Setting, str], known: set[str]) -> Captioned:
    figure = new_figure(13, 9.6)
    axes = figure.subplots(len(TEMPERATURES), len(TOP_PS)).flat
    for ax, ((temperature, top_p), text) in zip(axes, samples.items(), strict=True):
        panel_of_text(ax, text, f"temperature {temperature:g}, top-p {top_p:g}", 54, 13, known)
    return Captioned(
        figure,
        "The same network and the same random numbers, at every temperature and nucleus; words that do not occur in "
        "the training text are in colour.",
    )


def _measures(cells: Mapping[Setting, Row], book: Row) -> Captioned:
    figure = new_figure(13, 3.2)
    for axes, (key, name) in zip(figure.subplots(1, len(MEASURES)), MEASURES.items(), strict=True):
        for number, top_p in enumerate(TOP_PS):
            axes.plot(
                TEMPERATURES, [cells[t, top_p][key] for t in TEMPERATURES], STYLES[number] + "o", markersize=3,
                color=COLOURS[number], label=f"top-p {top_p:g}",
            )  # fmt: skip
        if book[key] is not None:
            axes.axhline(book[key], color="black", linestyle=":", linewidth=1)
        axes.set_title(name, fontsize=8)
        axes.set_xlabel("temperature", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
    figure.axes[0].legend(frameon=False, fontsize=7)
    return Captioned(figure, "What the settings do, in numbers; the dotted line is the text itself.")


def _nucleus(model: LanguageModel, prompt: str) -> Captioned:
    characters = model.vocabulary.characters
    row = _logits(model, model.vocabulary.encode(prompt)[:, None])[-1]
    figure = new_figure(11, 3.4)
    for axes, temperature in zip(figure.subplots(1, 3, sharey=True), (0.5, 1.0, 1.5), strict=True):
        probs = probabilities(row / temperature)[0]
        order = np.argsort(-probs, kind="stable")[:25]
        kept = int((np.cumsum(np.sort(probs)[::-1]) < 0.9).sum()) + 1
        colours = [COLOURS[0] if k < kept else "#BBBBBB" for k in range(len(order))]
        axes.bar(range(len(order)), probs[order], color=colours)
        labels = [{"\n": "⏎", " ": "␣"}.get(characters[i], characters[i]) for i in order]
        axes.set_xticks(range(len(order)), labels, fontsize=7)
        if kept < len(order):
            axes.axvline(kept - 0.5, color=COLOURS[1], linestyle="--")
        axes.set_title(f"temperature {temperature:g}: a nucleus of 0.9 keeps {kept} of {len(probs)}", fontsize=9)
    figure.axes[0].set_ylabel("probability")
    figure.suptitle("after “…" + plain(prompt[-40:].replace("\n", "⏎")) + "”", fontsize=9)
    return Captioned(
        figure, "The distribution of one next character, at three temperatures, and where a nucleus of 0.9 cuts it."
    )


def _findings(cells: Mapping[Setting, Row], book: Row) -> list[str]:
    low, high = TEMPERATURES[0], TEMPERATURES[-1]
    cold, plain, hot, cut = cells[low, 1.0], cells[1.0, 1.0], cells[high, 1.0], cells[1.0, 0.8]
    names = {setting: f"temperature {setting[0]:g}, top-p {setting[1]:g}" for setting in cells}
    nearest = min(cells, key=lambda each: abs(float(cells[each]["ngram_loss"]) - book["ngram_loss"]))
    longest = max(cells, key=lambda each: int(cells[each]["copied"]))

    def by_temperature(key: str, form: str, unit: str = "") -> str:
        return (
            f"{cold[key]:{form}}{unit} at temperature {low:g}, {plain[key]:{form}} at 1, {hot[key]:{form}} at {high:g}"
        )

    fewer = cold["real_words"] > plain["real_words"] > hot["real_words"]
    repeats = cold["distinct"] < plain["distinct"] <= hot["distinct"]
    return [
        f"Share of real words: {by_temperature('real_words', '.0%')}; the text itself has {book['real_words']:.0%}. "
        + verdict("a low temperature invents fewer words", fewer),
        f"Distinct 8-grams: {by_temperature('distinct', '.0%')}; the text itself has {book['distinct']:.0%}. "
        + verdict("a low temperature repeats itself", repeats),
        f"A nucleus of 0.8 at temperature 1 changes the share of real words from {plain['real_words']:.0%} to "
        f"{cut['real_words']:.0%}, and that of distinct 8-grams from {plain['distinct']:.0%} to {cut['distinct']:.0%}. "
        + verdict("a nucleus invents fewer words by cutting off the tail", cut["real_words"] > plain["real_words"]),
        f"Entropy of the next character: {by_temperature('entropy', '.2f', ' bits')}; {cut['entropy']:.2f} with a "
        "nucleus of 0.8 at temperature 1.",
        f"Copying: the longest passage copied from the training text has {cells[longest]['copied']} characters "
        f"({names[longest]}); the longest one that the validation split shares with it has {book['copied']}.",
        f"Under an independent n-gram, the samples cost {by_temperature('ngram_loss', '.2f', ' nats per character')}; "
        f"the text itself costs {book['ngram_loss']:.2f}. The nearest setting is {names[nearest]}.",
    ]


STUDY = Study(
    "sampling",
    "Temperature and nucleus",
    "What changes in the text when one network samples with a grid of temperatures and top-p values? Real words are "
    f"those of the training split; each setting has {SAMPLES} samples of {LENGTH} characters, drawn with the same "
    "random numbers.",
    run,
)
