"""The results of a sweep: settings ranked by validation loss, as a table (CSV), a figure and a page; the best run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from charrnn.figures.search import draw_search
from charrnn.reports import Captioned, markdown_table, mean_and_spread, write_figures, write_page, write_table
from charrnn.runs.files import read_json
from charrnn.sweeps.callback import settings_words, show
from charrnn.sweeps.folder import FAILED, FINISHED, PRUNED, Record, SweepFolder, count_states
from charrnn.sweeps.space import Settings
from charrnn.sweeps.spec import Spec
from charrnn.units import CHARACTER, bits, with_units

CAPTION = "Left: every run by its number, and the best so far. Right: every setting, its mean over seeds in colour."
SHOWN = 30  # settings in the page's table; the CSV has all runs
MEASURED = (
    "val_nats_per_char", "val_bits_per_char", "test_nats_per_char", "best_step", "step", "epoch", "seconds",
    "ended", "parameters",
)  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """A setting and its results. Losses are of the validation split, in nats per character."""

    setting: int
    settings: Settings
    runs: int
    finished: int
    mean: float | None  # over the seeds that finished
    spread: float  # half the distance between the smallest and the largest

    @property
    def order(self) -> tuple[bool, bool, float]:
        """Those with all seeds before those with some, before those with none."""
        return self.mean is None, self.finished < self.runs, self.mean or 0.0


def rank(records: Sequence[Record]) -> list[Ranked]:
    """Return the settings, the best first."""
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(record["setting"], []).append(record)
    most = max(map(len, groups.values()), default=0)
    ranked = []
    for setting, group in groups.items():
        losses = [record["val_nats_per_char"] for record in group if record["state"] == FINISHED]
        mean, spread = mean_and_spread(losses) if losses else (None, 0.0)
        ranked.append(Ranked(setting, group[0]["settings"], most, len(losses), mean, spread))
    return sorted(ranked, key=lambda each: (each.order, each.setting))


def best_of(records: Sequence[Record]) -> Record | None:
    """The best run of the best setting."""
    ranked = rank(records)
    if not ranked or ranked[0].mean is None:
        return None
    runs = [r for r in records if r["setting"] == ranked[0].setting and r["state"] == FINISHED]
    return min(runs, key=lambda r: (r["val_nats_per_char"], r["number"]))


def write_results(
    folder: SweepFolder, spec: Spec, records: Sequence[Record], total: int, say: Callable[[str], None]
) -> None:
    """Write results.csv, search.png and search.svg, README.md, and `best`."""
    columns = ["number", "setting", "seed", "state", *spec.search, *MEASURED, "error"]
    write_table(folder.path, [_flat(record) for record in records], columns)
    parts, best = [_counts(spec, records, total)], best_of(records)
    if best is not None:
        path, ready = folder.run(best["number"]), "Its folder is gone."
        if path.is_dir():
            folder.name_best(best["number"])
            ready = "It is ready to use: `charrnn sample best`."
        else:
            say(f"no 'best': the folder of the best run, '{path}', is gone")
        parts.append(_best(folder, spec, best, len(records), ready))
    try:
        scales = {name: each.scale() for name, each in spec.search.items()}
        figure = draw_search(records, scales, best["setting"] if best else None, len(spec.seeds))
        parts += write_figures(folder.path, {"search": Captioned(figure, CAPTION)})
    except Exception as error:  # no figure is worth a sweep
        say(f"no figure: {error}")
    write_page(folder.path, [*parts, "## Settings", *_settings(spec, rank(records))])


def _flat(record: Record) -> Record:
    loss = record.get("val_nats_per_char")
    return {**record, **record["settings"], "val_bits_per_char": None if loss is None else bits(loss)}


def _counts(spec: Spec, records: Sequence[Record], total: int) -> str:
    """The head of the page: how many runs have ended how, and what was searched."""
    counts = count_states(records)
    words = [f"{counts[FINISHED]} of {total} runs have finished"]
    words += [f"{counts[PRUNED]} were ended early"] if counts[PRUNED] else []
    words += [f"{counts[FAILED]} failed (`results.csv` has their errors)"] if counts[FAILED] else []
    fixed = f", the same in all: {settings_words(spec.settings)}" if spec.settings else ""
    unit = next((record["unit"] for record in records if "unit" in record), CHARACTER)
    method = spec.method if spec.trials is None else f"{spec.method}, seed {spec.seed}"
    return (
        f"# Sweep over {', '.join(spec.search)}\n\n"
        f"{'; '.join(words)}. Method {method}; seeds of training {', '.join(map(str, spec.seeds))}{fixed}. Losses are "
        f"of the whole validation split, in nats per {unit}, with the parameters that are best there."
    )


def _best(folder: SweepFolder, spec: Spec, best: Record, runs: int, ready: str) -> str:
    """The part of the page about the best run."""
    text, splits, test = read_json(folder.spec), best.get("splits"), best.get("test_nats_per_char")
    how = ""
    if splits:
        documents, named = spec.settings.get("documents"), spec.settings.get("val")
        train, val = (f"{splits[part]:,}" for part in ("train", "val"))
        how = f"; by position, the first {train} characters train, the next {val} validate"
        if documents or named:
            by = "the file of val validates" if named else "by a hash of each document"
            how = f"; {by}: {train} {'symbols' if documents else 'characters'} train, {val} validate"
    unit = best.get("unit", CHARACTER)
    test_words = "" if test is None else f"; on the test split it has {with_units(test, unit)}"
    return (
        f"Text: {text.get('text_name', 'text')} (SHA-256 {text['text_sha256'][:12]}…){how}.\n\n"
        "## The best run\n\n"
        f"Run {best['number']:03}: {settings_words(best['settings'])}, seed {best['seed']}: validation "
        f"{with_units(best['val_nats_per_char'], unit)}. It was chosen by this loss among {runs} runs, so expect a "
        f"little more on other text{test_words}. {ready}"
    )


def _settings(spec: Spec, ranked: Sequence[Ranked]) -> list[str]:
    """The table of settings, and how many of them it leaves out."""
    rows = [
        {name: show(each.settings[name]) for name in spec.search}
        | {"mean": each.mean, "spread": each.spread if each.finished > 1 else None, "finished": each.finished}
        for each in ranked[:SHOWN]
    ]
    headings = {"mean": "validation", "spread": "± over seeds", "finished": "runs that finished"}
    table = markdown_table(rows, {name: name for name in spec.search} | headings, len(spec.search))
    more = f"The best {SHOWN} of {len(ranked)} settings; `results.csv` has all runs."
    return [table, more] if len(ranked) > SHOWN else [table]
