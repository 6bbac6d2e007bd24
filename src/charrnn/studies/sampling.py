"""Temperature and nucleus: what they do to the text that one and the same network writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.figures.style import COLOURS, STYLES, new_figure, plain
from charrnn.generation.filters import apply_filters, make_sampling, probabilities
from charrnn.language_model import LanguageModel
from charrnn.scoring import longest_copy
from charrnn.studies.drawing import panel_of_text
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Row, Study, load_model
from charrnn.studies.text_measures import distinct_ngrams, share_of_words, words

TEMPERATURES = (0.2, 0.5, 0.7, 1.0, 1.3)
TOP_PS = (0.5, 0.8, 0.95, 1.0)
SAMPLES, LENGTH = 8, 600
MEASURES = {
    "real_words": "share of real words", "distinct": "distinct 8-grams", "copied": "longest copy (characters)",
    "entropy": "entropy of the next character (bits)", "ngram_loss": "loss under the n-gram (nats per character)",
}  # fmt: skip


def carry_out(lab: Lab) -> Report:
    """One network; a grid of settings; the same seeds everywhere."""
    epochs = 3.0 if lab.quick else 10.0
    job = Job(
        f"reference network, chunked, batch 10, {epochs:g} epochs", {"batching": "chunked", "batch_size": 10},
        epochs, 1.0, keep_model=True,
    )  # fmt: skip
    (result,) = lab.train([job])
    model = load_model(lab, result)
    known = set(words(lab.train_text))
    samples, cells = {}, {}
    for temperature in TEMPERATURES:
        for top_p in TOP_PS:
            texts = model.generate_many(SAMPLES, "", LENGTH, temperature=temperature, top_p=top_p, seed=1)
            samples[temperature, top_p] = texts[0]
            entropy = mean_entropy(model, texts, temperature, top_p)
            cells[temperature, top_p] = measure(lab, texts, known, entropy)
        lab.say(f"temperature {temperature:g}: written and measured")
    book_pieces = [lab.val_text[k * LENGTH : (k + 1) * LENGTH] for k in range(SAMPLES)]
    book = measure(lab, [piece for piece in book_pieces if len(piece) > LENGTH // 2] or [lab.val_text], known, None)
    rows: list[Row] = [{"label": f"T {t:g}, top-p {p:g}", **cells[t, p]} for t, p in cells]
    rows.append({"label": "the text itself (validation split)", **book})
    columns = {"label": "sampling", **MEASURES}
    captions = {
        "texts": "The same network and the same random numbers, at every temperature and nucleus; words that do not "
        "occur in the training text are in colour.",
        "measures": "What the settings do, in numbers; the dotted line is the text itself.",
        "nucleus": "The distribution of one next character, at three temperatures, and where a nucleus of 0.9 cuts it.",
    }
    figures = {
        "texts": _texts(samples, known), "measures": _measures(cells, book), "nucleus": _nucleus(model, lab.val_text[:200])
    }  # fmt: skip
    baselines = [{"label": row["label"], "val_loss": row["val_loss"]} for row in lab.baselines()]
    network = {"label": result["label"], "val_loss": result["val_loss"]}
    return Report(
        [*rows, network, *baselines],
        {**columns, "val_loss": "validation loss"},
        _findings(cells, book),
        figures,
        captions,
    )


def measure(lab: Lab, texts: list[str], known: set[str], entropy: float | None) -> Row:
    """The numbers behind some texts."""
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
    """The mean entropy, in bits, of the filtered distributions that the characters of some texts were drawn from."""
    config = make_sampling({"temperature": temperature, "top_p": top_p})
    ids = np.stack([model.vocabulary.encode(text) for text in texts], axis=1)  # (T, B)
    state = model.network.zero_state(ids.shape[1], model.params.vector.dtype)
    ws = model.network.workspace(len(ids), ids.shape[1], model.params.vector.dtype)
    logits, _ = model.network.forward(model.params, ids, state, ws)
    flat = logits[:-1].reshape(-1, logits.shape[2]).astype(np.float64)
    apply_filters(flat, config)
    probs = probabilities(flat)
    return float(-(probs * np.log2(np.where(probs > 0, probs, 1.0))).sum(axis=1).mean())


def _texts(samples: dict[tuple[float, float], str], known: set[str]) -> Any:
    figure = new_figure(13, 9.6)
    grid = figure.subplots(len(TEMPERATURES), len(TOP_PS))
    for row, temperature in zip(grid, TEMPERATURES, strict=True):
        for axes, top_p in zip(row, TOP_PS, strict=True):
            title = f"temperature {temperature:g}, top-p {top_p:g}"
            panel_of_text(axes, samples[temperature, top_p], title, 54, 13, known)
    return figure


def _measures(cells: dict[tuple[float, float], Row], book: Row) -> Any:
    figure = new_figure(13, 3.2)
    for axes, (key, words_) in zip(figure.subplots(1, len(MEASURES)), MEASURES.items(), strict=True):
        for number, top_p in enumerate(TOP_PS):
            axes.plot(
                TEMPERATURES, [cells[t, top_p][key] for t in TEMPERATURES], STYLES[number] + "o", markersize=3,
                color=COLOURS[number], label=f"top-p {top_p:g}",
            )  # fmt: skip
        if book[key] is not None:
            axes.axhline(book[key], color="black", linestyle=":", linewidth=1)
        axes.set_title(words_, fontsize=8)
        axes.set_xlabel("temperature", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
    figure.axes[0].legend(frameon=False, fontsize=7)
    return figure


def _nucleus(model: LanguageModel, prompt: str) -> Any:
    known = model.vocabulary
    ids = known.encode(prompt)
    dtype = model.params.vector.dtype
    ws = model.network.workspace(len(ids), 1, dtype)
    logits, _ = model.network.forward(model.params, ids[:, None], model.network.zero_state(1, dtype), ws)
    figure = new_figure(11, 3.4)
    for axes, temperature in zip(figure.subplots(1, 3, sharey=True), (0.5, 1.0, 1.5), strict=True):
        row = logits[-1].astype(np.float64)
        probs = probabilities(row / temperature)[0]
        order = np.argsort(-probs, kind="stable")[:25]
        kept = int((np.cumsum(np.sort(probs)[::-1]) < 0.9).sum()) + 1
        colours = [COLOURS[0] if k < kept else "#BBBBBB" for k in range(len(order))]
        axes.bar(range(len(order)), probs[order], color=colours)
        labels = [{"\n": "⏎", " ": "␣"}.get(known.characters[i], known.characters[i]) for i in order]
        axes.set_xticks(range(len(order)), labels, fontsize=7)
        if kept < len(order):
            axes.axvline(kept - 0.5, color=COLOURS[1], linestyle="--")
        axes.set_title(f"temperature {temperature:g}: a nucleus of 0.9 keeps {kept} of {len(probs)}", fontsize=9)
    figure.axes[0].set_ylabel("probability")
    figure.suptitle("after “…" + plain(prompt[-40:].replace("\n", "⏎")) + "”", fontsize=9)
    return figure


def _findings(cells: dict[tuple[float, float], Row], book: Row) -> list[str]:
    low, high = TEMPERATURES[0], TEMPERATURES[-1]
    cold, plain, hot = cells[low, 1.0], cells[1.0, 1.0], cells[high, 1.0]
    cut = cells[1.0, 0.8]
    settings = {f"temperature {t:g}, top-p {p:g}": row for (t, p), row in cells.items()}
    nearest = min(settings, key=lambda name: abs(settings[name]["ngram_loss"] - book["ngram_loss"]))
    longest = max(settings, key=lambda name: settings[name]["copied"])
    return [
        f"Share of real words: {cold['real_words']:.0%} at temperature {low:g}, {plain['real_words']:.0%} at 1, "
        f"{hot['real_words']:.0%} at {high:g}; the text itself has {book['real_words']:.0%}. That a low temperature makes up "
        f"fewer words is {_verdict(cold['real_words'] > plain['real_words'] > hot['real_words'])}.",
        f"Distinct 8-grams: {cold['distinct']:.0%} at temperature {low:g}, {plain['distinct']:.0%} at 1, "
        f"{hot['distinct']:.0%} at {high:g}; the text itself {book['distinct']:.0%}. That a low temperature repeats itself is "
        f"{_verdict(cold['distinct'] < plain['distinct'] <= hot['distinct'])}.",
        f"A nucleus of 0.8 at temperature 1 takes the share of real words from {plain['real_words']:.0%} to "
        f"{cut['real_words']:.0%}, and distinct 8-grams from {plain['distinct']:.0%} to {cut['distinct']:.0%}. That it makes "
        f"up fewer words by cutting off the tail is {_verdict(cut['real_words'] > plain['real_words'])}.",
        f"Entropy of the next character: {cold['entropy']:.2f} bits at temperature {low:g}, {plain['entropy']:.2f} at 1, "
        f"{hot['entropy']:.2f} at {high:g}; {cut['entropy']:.2f} with the nucleus of 0.8 at temperature 1.",
        f"Copying: the longest verbatim run from the training text is {settings[longest]['copied']} characters ({longest}); "
        f"the validation split itself shares {book['copied']} with it.",
        f"Under an independent n-gram, what is written costs {cold['ngram_loss']:.2f} nats per character at temperature "
        f"{low:g}, {plain['ngram_loss']:.2f} at 1, {hot['ngram_loss']:.2f} at {high:g}; the text itself "
        f"{book['ngram_loss']:.2f}. Nearest to it is {nearest}.",
    ]


def _verdict(confirmed: bool) -> str:
    return "confirmed" if confirmed else "not confirmed"


STUDY = Study(
    "sampling",
    "Temperature and nucleus",
    "One network, and a grid of temperatures and top-p values: what changes in the text? Real words are those of the "
    f"training split; {SAMPLES} samples of {LENGTH} characters for each setting, with the same random numbers.",
    carry_out,
)
