"""`charrnn info`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.language_model import load
from charrnn.runs.folder import RunFolder
from charrnn.terminal import printable
from charrnn.units import unit_of, with_units


@click.command(epilog="\b\nExample:\n  charrnn info runs/book-qrnn")
@click.argument("run", type=click.Path(path_type=Path))
@quiet_option
@json_option
def info(run: Path, quiet: bool, as_json: bool) -> None:
    """Show the settings, text and best loss of a run or model file."""
    model = load(run)
    facts: dict[str, Any] = {
        "model": asdict(model.network.config),
        "parameters": len(model.params.vector),
        "dtype": str(model.params.vector.dtype),
        "arrays": {name: list(array.shape) for name, array in model.params.items()},
        "vocabulary": model.vocabulary.characters,
        **model.provenance,
    }
    if model.experts is not None:
        facts["experts"] = {
            "names": list(model.experts.names), "contexts": len(model.experts.tables.keys),
            "megabytes": round(model.experts.megabytes, 1),
        }  # fmt: skip
    if run.is_dir():
        saved = RunFolder.open(run).read_config()
        facts.update({name: saved.get(name) for name in ("settings", "recipe", "kernels", "versions", "charrnn")})
    if as_json:
        echo_json(facts)
        return
    lines = [] if quiet else [f"{run}: {model!r}"]
    loss = facts.pop("val_nats_per_char", None)
    if loss is not None:
        lines.append(f"validation {with_units(loss, model.vocabulary.unit)} at step {facts['step']:,}")
    for name, value in facts.items():
        if name == "parents":
            lines += ["started from:", *(f"  {_parent(values)}" for values in value)]
        elif isinstance(value, dict):
            lines += [f"{name}:", *(f"  {key}: {item}" for key, item in value.items())]
        else:
            lines.append(f"{name}: {value!r}" if name == "vocabulary" else f"{name}: {value}")
    if model.experts is not None and not quiet:
        lines.append("its counts hold nearly all of the training text: if that text is private, keep this file private")
    echo("\n".join(printable(line) for line in lines))


def _parent(values: dict[str, Any]) -> str:
    """One of the models that a model came from, the latest first."""
    loss, unit = values.get("val_nats_per_char"), unit_of(bool(values.get("documents")), bool(values.get("labels")))
    words = [f"{values.get('name')}, SHA-256 {values.get('sha256')}", f"trained on {values.get('text')}"]
    words += [] if loss is None else [f"validation {with_units(loss, unit)} at step {values.get('step') or 0:,}"]
    return "; ".join(words) + f"; SHA-256 of that text {values.get('text_sha256')}"
