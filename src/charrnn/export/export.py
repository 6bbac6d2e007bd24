"""From a run to an export: load, prune, quantise, measure what that costs, and write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from charrnn.errors import CharRNNError, ConfigError, RunError
from charrnn.export import html, js, npz
from charrnn.export.card import card_path, write_card
from charrnn.export.contents import Contents
from charrnn.export.losses import Loss, own_splits
from charrnn.export.quantise import WAYS, rounded
from charrnn.language_model import LanguageModel, load
from charrnn.runs.model_file import ModelFile, model_header, to_torch
from charrnn.settings import check_path, check_value
from charrnn.threads import blas_threads
from charrnn.training.callback import Callback, check_callback
from charrnn.units import bits, with_units


class Format(NamedTuple):
    """A way to ship a model."""

    check: Callable[[Path, LanguageModel], None]  # raises a ConfigError before anything is measured or written
    write: Callable[[Path, Contents], list[Path]]  # returns the files that it wrote
    suffix: str  # of the file; "" for a folder
    quantise: str  # what is usual


FORMATS: dict[str, Format] = {
    "html": Format(html.check, html.write, ".html", "int8"),
    "js": Format(js.check, js.write, "", "int8"),
    "npz": Format(npz.check, npz.write, ".npz", "none"),
}


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and what it cost."""

    path: Path
    to: str
    quantise: str
    prune: int | None
    bytes: int  # of all its files
    counts_bytes: int  # of the experts' counts, as arrays
    losses: tuple[Loss, ...]  # on the validation split, in nats per character, in the order of the changes

    def as_dict(self) -> dict[str, Any]:
        """The figures by name, as `charrnn export --json` prints them."""
        losses = [
            {"split": "val", "change": change, "nats_per_char": nats, "bits_per_char": bits(nats)}
            for change, nats in self.losses
        ]
        return {**{name: getattr(self, name) for name in ("to", "quantise", "prune", "bytes", "counts_bytes")},
                "path": str(self.path), "losses": losses}  # fmt: skip


def export(
    run: str | Path,
    to: str,
    out: str | Path,
    *,
    quantise: str | None = None,
    prune: int | None = None,
    card: bool = False,
    callback: Callback | None = None,
) -> Exported:
    """Write the model of a run for use without this package.

    Parameters
    ----------
    run : path
        A run folder or a model file.
    to : {"html", "js", "npz"}
        One page that writes in a browser; a folder with an ES module; arrays for NumPy.
    out : path
        The file, whose name ends in .html or .npz, or the folder. A file is replaced.
    quantise : {"int8", "none"}, optional
        Whether matrices become whole numbers of one byte; by default int8 for html and js, none for npz.
    prune : int, optional
        Leave out the longest contexts of a model with counts that occur less often than this.
    card : bool
        Also write a model card, README.md, in the folder of the export.
    callback : Callback, optional
        Receives messages, and what each change costs; by default they are printed on standard error.

    Returns
    -------
    Exported

    Raises
    ------
    ConfigError, RunError
        An argument or the model does not fit, or the export cannot be written.
    """
    run, out, callback = check_path("run", run), check_path("out", out), check_callback(callback)
    way = FORMATS[check_value("to", to, "str", choices=FORMATS)]
    quantise = check_value("quantise", quantise, "str | None", choices=WAYS) or way.quantise
    prune = check_value("prune", prune, "int | None", least=1, most=1 << 30)
    if way.suffix and (out.suffix != way.suffix or out.is_dir()):
        raise ConfigError(f"--to {to} writes a file whose name ends in {way.suffix}, not '{out}'")
    if way.suffix and not out.parent.is_dir():
        raise RunError(f"cannot write '{out}': the folder '{out.parent}' does not exist")
    with blas_threads(1):
        model = load(run)
        way.check(out, model)
        card_at = card_path(out, not way.suffix) if check_value("card", card, "bool") else None
        contents = _contents(run, model, quantise, prune, callback)
        files = way.write(out, contents)
        if card_at is not None:
            write_card(card_at, contents)
            files.append(card_at)
    size = sum(file.stat().st_size for file in files)
    counts = sum(array.nbytes for array in contents.counts.values())
    if counts:
        callback.on_message("its counts hold nearly all of the training text: publish no export of a private one")
    return Exported(out, to, quantise, prune, size, counts, contents.losses)


def _contents(run: Path, model: LanguageModel, quantise: str, prune: int | None, callback: Callback) -> Contents:
    if prune is not None and model.experts is None:
        raise ConfigError(f"prune {prune} has no effect: the model of '{run}' has no counts; leave it out")
    ids, training_text, losses = None, "", list[Loss]()
    try:
        ids, training_text = own_splits(run, model, callback)
    except CharRNNError as error:
        callback.on_message(f"what the export costs is not measured: {error}")

    def measure(change: str, changed: LanguageModel) -> None:
        if ids is not None:
            losses.append(Loss(change, changed.evaluate_ids(ids).nats_per_char))
            callback.on_message(
                f"validation split, {change}: {with_units(losses[-1].nats_per_char, model.vocabulary.unit)}"
            )

    measure("as trained", model)
    if prune is not None and model.experts is not None:
        pruned = model.experts.pruned(prune)
        model = LanguageModel(model.network, model.params, model.vocabulary, model.provenance, pruned)
        measure(f"pruned at {prune}", model)
    arrays = WAYS[quantise](to_torch(model.params))
    if quantise != "none":
        model = rounded(model, WAYS[quantise](model.params))
        measure(f"quantised to {quantise}", model)
    made: dict[str, Any] = {"quantise": quantise, "prune": prune}
    if losses:
        made["val_nats_per_char"] = losses[-1].nats_per_char
    provenance = {**model.provenance, "export": made}
    header = model_header(ModelFile(model.network, model.params, model.vocabulary, provenance, model.experts))
    return Contents(_name(run), model, arrays, header, quantise, tuple(losses), training_text)


def _name(run: Path) -> str:
    """The name of a run: of its folder, or of its model file."""
    path = run.resolve()
    return path.name if path.is_dir() else path.parent.name if path.stem == "model" else path.stem
