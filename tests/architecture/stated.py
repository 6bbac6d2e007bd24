"""What pages state, and the result files that it comes from.

Each function reads one file of `benchmarks/results/` and yields sentences of pages. A sentence has a hole, `{}`, for
each number, with the format in which the page gives it; line ends of the page do not matter. After a new measurement

    CHARRNN_WRITE_DOCS=1 python -m pytest tests/architecture/test_numbers.py

writes the numbers of the files into the pages, and `git diff` shows which sentences to read again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Sentence = tuple[str, str, tuple[Any, ...]]  # the page, the sentence with its holes, what belongs into them
SOURCES: dict[str, Callable[[Any], Iterator[Sentence]]] = {}  # by the name of the file


def of(file: str) -> Callable[[Callable[[Any], Iterator[Sentence]]], Callable[[Any], Iterator[Sentence]]]:
    def register(sentences: Callable[[Any], Iterator[Sentence]]) -> Callable[[Any], Iterator[Sentence]]:
        SOURCES[file] = sentences
        return sentences

    return register


def processor(machine: str) -> str:
    """The processor of a machine, as pages name it."""
    return machine.partition(",")[0].replace("(R)", "").replace(" Processor", "")


# benchmarks/step.py


def milliseconds(value: float) -> str:
    return f"{value:.{2 if value < 2 else 1 if value < 20 else 0}f}"


def products(cell: str, hidden_size: int, seq_len: int, batch_size: int) -> float:
    """Floating-point operations of a step's products, with 86 characters."""
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell]
    return 6.0 * seq_len * batch_size * hidden_size * (gates * hidden_size + 86)


def name(cell: str, hidden_size: int, num_layers: int, seq_len: int, batch_size: int) -> str:
    size = f"{hidden_size} × {num_layers}" if num_layers > 1 else str(hidden_size)
    return f"{cell.upper()} {size}, T {seq_len}, B {batch_size}"


@of("step-avx512.json")
def steps(found: Any) -> Iterator[Sentence]:
    ratios = [step["PyTorch ÷ ours"]["median"] for step in found["steps"]]
    sentence = "one training step is {:.1f} to {:.1f} times as fast as PyTorch's best eager version, for {} networks"
    row = f"{sentence} | `benchmarks/step.py` | {{}}, one core |"
    yield "README.md", row, (min(ratios), max(ratios), len(ratios), processor(found["machine"]))
    page, peak = "docs/performance.md", found["sgemm_768_gflops"]
    yield page, "sgemm of 768 × 768: {:.0f} GF/s", (peak,)
    for step in found["steps"]:
        cell, hidden_size, _, seq_len, batch_size = step["network"]
        cells = [milliseconds(step["ms"]), f"{1e3 * step['ms'] / seq_len / batch_size:.1f}"]
        cells.append(
            ""
            if cell == "qrnn"
            else f"{products(cell, hidden_size, seq_len, batch_size) / step['ms'] / 1e6 / peak:.0%}"
        )
        cells += ratios_of(step)
        row = "".join(" {} |" if cell else " |" for cell in cells)
        yield page, f"{name(*step['network'])} |{row}", tuple(cell for cell in cells if cell)


def ratios_of(step: Any) -> list[str]:
    """The ratio of each peer, or nothing."""
    peers = {"NumPy": 2, "PyTorch": 2, "JAX": 2, "textbook": 1}
    found = {peer: step.get(f"{peer} ÷ ours") for peer in peers}
    return [f"{found[peer]['median']:.{decimals}f}" if found[peer] else "" for peer, decimals in peers.items()]


@of("step-avx2.json")
def steps_avx2(found: Any) -> Iterator[Sentence]:
    for step in found["steps"]:
        cells = [milliseconds(step["ms"]), *ratios_of(step)]
        row = "".join(" {} |" if cell else " |" for cell in cells)
        yield "docs/performance.md", f"| AVX2, {name(*step['network'])} |{row}", tuple(cell for cell in cells if cell)


# benchmarks/workers.py


def workers_table(found: Any, instructions: str = "") -> Sentence:
    busy = {tuple(s["network"]): s["one worker ÷ all"] for s in found["steps"] if s["beside a busy process"]}
    rows, numbers = ["| --- | --: | --: | --: | --: |"], []
    for step in found["steps"]:
        if not step["beside a busy process"]:
            rows.append(f"| {name(*step['network'])}{instructions} | {{:.1f}} | {{:.2f}} | {{:.2f}} | {{:.2f}} |")
            numbers += [step["ms"], step["one worker ÷ all"], step["NumPy ÷ all"], busy[tuple(step["network"])]]
    return "docs/performance.md", " ".join(rows), tuple(numbers)


@of("workers-avx2.json")
def workers_avx2(found: Any) -> Iterator[Sentence]:
    yield workers_table(found, ", AVX2")


@of("workers-avx512.json")
def workers(found: Any) -> Iterator[Sentence]:
    yield workers_table(found)
    ratios = [step["one worker ÷ all"] for step in found["steps"] if not step["beside a busy process"]]
    sentence = "{:.1f} to {:.1f} times as fast as one, and the model file is the same, byte for byte"
    row = f"{sentence} | `benchmarks/workers.py` | {{}} |"
    yield "README.md", row, (min(ratios), max(ratios), processor(found["machine"]))


# benchmarks/time_to_loss.py


def ends(found: Any, curve: str) -> list[float]:
    """The best loss of each seed, which is what a run keeps."""
    return [min(loss for _, loss in points) for points in found["curves"][curve]]


@of("time-to-loss-tinyshakespeare.json")
def time_to_loss(found: Any) -> Iterator[Sentence]:
    quick, plain = ends(found, "quick, 60 s"), ends(found, "plain quick, 60 s")
    row = (
        "| quality | tinyshakespeare, last 10 %: {:.3f} nats per character after 60 CPU seconds, counting included; "
        "{:.3f} without counts (validation, whole split, mean of {} seeds) "
        "| `benchmarks/time_to_loss.py` | {}, one core |"
    )
    machines = " and ".join(
        dict.fromkeys(processor(found["measured"][f"{kind}, 60 s"]) for kind in ("quick", "plain quick"))
    )
    yield "README.md", row, (np.mean(quick), np.mean(plain), len(quick), machines)
    for curve in filter(found["curves"].get, ("quick, 60 s", "good, 180 s", "best, 600 s", "plain quick, 60 s")):
        static, adapting = ends(found, curve), found["adapting"][curve]
        recipe, seconds = curve.replace("plain ", "plain-").removesuffix(" s").split(", ")
        how = [adapting[name] for name in ("in-context", "dynamic") if name in adapting]
        cells = " | ".join("{:.4f}" if name in adapting else "" for name in ("in-context", "dynamic"))
        row = f"| {recipe} | {seconds} | {{:.4f}} | {{:.4f}} to {{:.4f}} | {cells} |".replace("|  |", "| |")
        yield "docs/recipes.md", row, (np.mean(static), min(static), max(static), *map(np.mean, how))
    yield (
        "docs/ngrams.md",
        "| tinyshakespeare | 1.4816 | {:.4f} (60 s) | **{:.4f}** (60 s; {:.4f} to {:.4f}) | {} |",
        (np.mean(plain), np.mean(quick), min(quick), max(quick), len(quick)),
    )


# benchmarks/adapting.py


@of("adapting.json")
def adapting(found: Any) -> Iterator[Sentence]:
    page, names = "docs/ngrams.md", ["tinyshakespeare", "nietzsche", "The Clockmaker's Cup"]
    yield page, "trains the default run on three texts, {} seeds each", (found["seeds"],)
    gains = []
    for name, of_text in zip(names, found["texts"].values(), strict=True):
        for experts, row in of_text.items():
            how = ("static", "in-context, 0.1", "mixture", "dynamic")
            cells = " | ".join(["{:.4f}"] * len(how))
            yield page, f"| {name} | {experts} | {cells} |", tuple(row[each]["mean"] for each in how)
        auto = of_text["auto"]
        gains.append(abs(auto["in-context, 0.1"]["mean"] - auto["in-context, 0"]["mean"]))
    yield page, "by −{:.4f} on tinyshakespeare, −{:.4f} on nietzsche and +{:.4f} on the novel", tuple(gains)


# benchmarks/gradients.py


@of("gradcheck.json")
def gradients(found: Any) -> Iterator[Sentence]:
    page, rows = "docs/gradients.md", [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    yield page, "It ends with `all {} gradients and states agree`", (len(rows),)
    worst = max(row["relative_error"] for row in rows if row["against"] == "torch")
    sentence = "{:,} gradients and states agree with independent methods; against PyTorch to {:.1e}"
    row = f"| proof | {sentence} | `benchmarks/gradients.py` | {{}} |"
    yield "README.md", row, (len(rows), worst, processor(found["machine"]))
    torch = [row for row in rows if row["against"] == "torch"]
    of_plain, of_experts = (max(r["relative_error"] for r in torch if bool(r["experts"]) == e) for e in (False, True))
    yield page, "The largest error of a plain network against PyTorch is {:.1e}", (of_plain,)
    yield page, "With experts it is {:.1e} ([other seeds]", (of_experts,)
    methods = list(dict.fromkeys(row["against"] for row in rows))
    shown = [("rnn", 0), ("lstm", 0), ("gru", 0), ("qrnn", 0), ("qrnn", 2)]
    for cell, experts in shown:
        title = f"{cell} with experts, 1 layer" if experts else f"{cell}, 1 layer"
        errors: dict[str, dict[str, float]] = {}
        for row in rows:
            if (row["cell"], row["experts"], row["layers"]) == (cell, experts, 1):
                errors.setdefault(row["parameter"], {})[row["against"]] = row["relative_error"]
        lines = [f"{parameter} {' '.join('{:.1e}' for _ in each)}" for parameter, each in errors.items()]
        numbers = tuple(each[method] for each in errors.values() for method in methods if method in each)
        yield page, f"``` {title} {' '.join(methods)} {' '.join(lines)} ```", numbers


# benchmarks/default_run.py


@of("default-run.json")
def default_run(found: Any) -> Iterator[Sentence]:
    page, machine = "README.md", processor(found["machine"])
    yield page, "The first takes {:.0f} CPU seconds ({}).", (found["cpu_seconds"], machine)
    number = re.compile(r"\d[\d.,]*\d|\d")
    last = found["evaluations"][-1]
    yield page, number.sub("{}", last), tuple(number.findall(last))
    for line in filter(None, found["sample"].strip().splitlines()[:3]):
        yield page, line, ()


# benchmarks/exported.py


@of("exported.json")
def exported(found: Any) -> Iterator[Sentence]:
    page, (run,) = "docs/export.md", found["pages"]
    made, loss = found["pages"][run], found["pages"][run]["losses"][-1]["nats_per_char"]
    sizes = made["bytes"] / 1e6, made["counts_bytes"] / 1e6
    yield page, "| whole | {:.2f} MB | {:.2f} MB | {:.4f} |", (*sizes, loss)
    pace = found["chromium"][run], found["node"][run], found["load"], found["page"][run]
    yield (
        page,
        "{:,.0f} characters in Chromium 150 and {:,.0f} in Node 20 (load {:.1f}); "
        "the page, with all that it shows, writes {:,.0f} of them",
        pace,
    )


# ./run release-check


@of("release.json")
def release(found: Any) -> Iterator[Sentence]:
    (wheel,) = (size for name, size in found["bytes"].items() if name.startswith("py3-none-linux"))
    pythons = sorted({tuple(map(int, trial["python"].split(".")[:2])) for trial in found["tried"]})
    first, last = (".".join(map(str, python)) for python in (pythons[0], pythons[-1]))
    row = "| size | a wheel of {:.2f} MB, used on Python {} to {} | `./run release-check` | {} |"
    yield "README.md", row, (wheel / 1e6, first, last, processor(found["machine"]))
    assert [minor for _, minor in pythons] == list(range(pythons[0][1], pythons[-1][1] + 1))  # none is left out


# benchmarks/quantising.py


@of("quantising.json")
def quantising(found: Any) -> Iterator[Sentence]:
    for row in found["rows"]:
        numbers = row["as_trained"], row["int8"], f"{row['int8'] - row['as_trained']:+.4f}"
        yield "docs/export.md", f"| {row['text']} | {row['network']} | {{:.4f}} | {{:.4f}} | {{}} |", numbers


# benchmarks/fine_tuning.py


@of("fine-tuning.json")
def fine_tuning(found: Any) -> Iterator[Sentence]:
    page, runs = "docs/fine-tuning.md", found["runs"]
    of_names, of_others, of_prose = (
        runs[name] for name in ("Spanish surnames", "Spanish surnames, from other surnames", "nietzsche")
    )
    rows = {
        "from scratch, no counts": "scratch, no counts", "from scratch, counts": "scratch, counts",
        "from a parent without counts": "parent without counts",
        "the same, `--ngrams auto`": "parent without counts, own counts",
        "**from a parent with counts**": "parent with counts",
        "the same, `--mix-old 0.1`": "parent with counts, mix-old 0.1",
    }  # fmt: skip

    def numbers(*ways: dict[str, float]) -> tuple[float, ...]:
        return tuple(way[f"val_{which}"] for way in ways for which in ("mean", "lowest", "highest"))

    for row, way in rows.items():
        cell = "**{:.3f}** ({:.3f} to {:.3f})" if row.startswith("**") else "{:.3f} ({:.3f} to {:.3f})"
        yield page, f"| {row} | {cell} | {cell} |", numbers(of_names[way], of_prose[way])
    others = of_others["parent with counts"]
    row = "| **from a parent on other surnames, with counts** | **{:.3f}** ({:.3f} to {:.3f}) | |"
    yield page, row, numbers(others)
    good = runs["nietzsche, from a parent by the recipe good"]["parent with counts"]
    row = "| from a parent by the recipe `good`, with counts | | {:.3f} ({:.3f} to {:.3f}) |"
    yield page, row, numbers(good)
    gained = "with one by the recipe `good`, the gain on nietzsche is {:.2f}."
    yield page, gained, (of_prose["scratch, counts"]["val_mean"] - good["val_mean"],)

    def gains(way: str) -> tuple[float, ...]:
        return tuple(text[way]["val_mean"] - text["parent with counts"]["val_mean"] for text in (of_names, of_prose))

    gained = "a parent with counts gains {:.2f} nats on the surnames and {:.2f} on nietzsche"
    yield page, gained, gains("scratch, counts")
    yield page, "one without counts, {:.2f} and {:.2f}.", gains("scratch, no counts")
    yield page, "the gain is {:.2f}.", (of_names["scratch, counts"]["val_mean"] - others["val_mean"],)
    for row, (way, when) in {
        "before": ("parent without counts", "before"), "after": ("parent without counts", "after_mean"),
        "after, `--ngrams auto`": ("parent without counts, own counts", "after_mean"),
        "before, with counts": ("parent with counts", "before"),
        "after, with counts": ("parent with counts", "after_mean"),
        "after, with counts, `--mix-old 0.1`": ("parent with counts, mix-old 0.1", "after_mean"),
    }.items():  # fmt: skip
        after = tuple(text[way][f"parent_val_{when}"] for text in (of_names, of_prose))
        yield page, f"| {row} | {{:.3f}} | {{:.3f}} |", after


# benchmarks/writing.py


@of("writing.json")
def writing(found: Any) -> Iterator[Sentence]:
    for text, by_counts in found["texts"].items():
        name = "The Clockmaker's Cup" if text == "clockmakers-cup" else text.removesuffix(".txt")
        without, with_counts = (by_counts[counts]["temperatures"] for counts in ("none", "auto"))
        for temperature, before in without.items():
            after = with_counts[temperature]
            row = f"| {name} | {temperature} | {{:.1%}} → {{:.1%}} | {{:.1%}} → {{:.1%}} | {{}} → {{}} |"
            numbers = [
                each[what] for what in ("real_words", "windows_copied", "longest_copy") for each in (before, after)
            ]
            yield "docs/ngrams.md", row, tuple(numbers)


# benchmarks/lane_steps.py


@of("lane-steps.json")
def lane_steps(found: Any) -> Iterator[Sentence]:
    sentence = "default network take {:,} steps of lanes in this way; blocks of 128 that wait for their longest name"
    counts = found["all"]["steps"], found["all"]["steps_in_blocks"]
    yield "docs/documents.md", f"{sentence} would take {{:,}} (`benchmarks/lane_steps.py`)", counts


# benchmarks/classify.py


@of("classify.json")
def classify(found: Any) -> Iterator[Sentence]:
    yield from found_labels(found, "labels", "language", "how frequent the language is")
    rows = [seed["network"] for seed in found["seeds"].values()]
    means = [np.mean([seed[by]["test"] for seed in found["seeds"].values()]) for by in ("network", "ngrams")]
    yield "docs/documents.md", "three are {:.1%} by `classify` and {:.1%} by the n-grams;", tuple(means)
    frequent = [seed["most_frequent"] for seed in found["seeds"].values()]
    yield "docs/documents.md", "| the most frequent language | {:.1%} | {:.1%} | {:.1%} |", tuple(frequent)
    given = "loss of the names given their labels, nats per symbol, ends included"
    for words, key in ((given, ""), ("given the labels shuffled among the names", "_shuffled")):
        values = tuple(row[f"test_nats_per_symbol{key}"] for row in rows)
        yield "docs/documents.md", f"| {words} | {{:.3f}} | {{:.3f}} | {{:.3f}} |", values


@of("classify-sentences.json")
def classify_sentences(found: Any) -> Iterator[Sentence]:
    yield from found_labels(found, "texts", "text", "how many sentences it has")


def found_labels(found: Any, labels: str, label: str, weight: str) -> Iterator[Sentence]:
    """The rows of a table of documents.md: by classify, by the network alone, by n-grams."""
    by = [[seed["network"]["test"], seed["network"]["test_by_network_alone"], seed["ngrams"]["test"]]
          for seed in found["seeds"].values()]  # fmt: skip
    three = "| {:.1%} | {:.1%} | {:.1%} |"
    rows = f"| {labels} found by `classify` | **{{:.1%}}** | **{{:.1%}}** | **{{:.1%}}** |"
    rows = f"{rows} | by the network alone {three}"
    rows = f"{rows} | by a Kneser–Ney n-gram for each {label}, weighed by {weight}"
    yield "docs/documents.md", f"{rows} {three}", tuple(np.ravel(by, order="F").tolist())


# What pages state with three decimals or more and no file keeps: a page, or a section of it, and why.
WITHOUT_A_FILE = {
    "benchmarks/README.md": "one line of a script that is not run again, with its machine and commit",
    "docs/batching.md#the-reference-setting-on-the-novel": "`benchmarks/reference_setting.py`, with its machine",
    "docs/decisions": "a decision gives the numbers of its day",
    "docs/derivations": "constants of equations, and examples worked out on the page",
    "docs/documents.md": "examples, each with its command and seed, on lists that are not part of the project",
    "docs/export.md#counts": "the rows of --prune: `charrnn export --prune N` prints each",
    "docs/fine-tuning.md#what-is-taken-over": "limits, which tests/training/test_init_from.py checks",
    "docs/ngrams.md": "tables whose texts are not part of the project, each with its command",
    "docs/playground.md#read": "the settings of the pictured page",
    "docs/recipes.md#what-they-reach": "measured before files were kept; with its command and machine",
    "docs/performance.md#past-this-machine": "a limit",
    "editions/README.md": "two runs on a busy machine",
}

# Digits of the README that are no measurements, and why.
README_WITHOUT_A_FILE = {
    "Python 3.10": "what pyproject.toml asks for",
    "more than 5,000 tests": "pytest counts them; the number changes with every commit",
    "last 10 %": "the split",
    "60 CPU seconds": "the budget, which is the name of the curve",
    "Torch 7": "a name",
    "a TensorFlow of 2020": "textgenrnn 2.0.0, its last release, is of July 2020",
    "CC0 1.0": "a name",
    "UTF-8": "a name",
    "GPT-2": "a name",
}
