"""`--card`: README.md beside an export, as model hubs read it: where the model comes from, and what it copies."""

from __future__ import annotations

import json
from pathlib import Path

from charrnn.errors import ConfigError
from charrnn.export.contents import Contents
from charrnn.runs.files import write_atomic
from charrnn.scoring import longest_copy
from charrnn.terminal import LAYOUT, printable
from charrnn.units import with_units

CARD = "README.md"
MARK = "library_name: charrnn"
TEMPLATE = """---
{mark}
pipeline_tag: text-generation
tags:
- character-level
- {cell}
---

# {name}

A character-level recurrent language model, trained with charrnn {version}.

## Text

{text}, {characters:,} characters, SHA-256 {sha256}.
{how_split}: {splits}.

## Network

{num_layers} × {hidden_size} {cell}, {known} characters, {parameters:,} parameters; weights: {quantise}.{labels}

## Loss

On the whole validation split{how_read}:

{losses}

## What it copies

{copies}

## Sample

Temperature 0.8, top-p 0.95, seed 1:

{sample}

## Settings

{settings}
"""


def card_path(out: Path, is_folder: bool) -> Path:
    """Where the card of an export goes; refuses to replace a README.md that is no card."""
    path = (out if is_folder else out.parent) / CARD
    if path.exists() and MARK not in path.read_text("utf-8", errors="replace")[:200]:
        raise ConfigError(f"--card would replace '{path}', which is not a model card: export into another folder")
    return path


def write_card(path: Path, contents: Contents) -> None:
    facts, model = contents.header["provenance"], contents.model
    sample = model.generate(length=400, temperature=0.8, top_p=0.95, seed=1)
    documents, unit = model.vocabulary.documents, model.vocabulary.unit
    losses = [f"- {change}: {with_units(nats, unit)}" for change, nats in contents.losses]
    if not losses and facts.get("val_nats_per_char") is not None:
        losses = [f"- as trained: {with_units(facts['val_nats_per_char'], unit)}"]
    settings = {name: value for name, value in facts.get("settings", {}).items() if value is not None}
    splits = ", ".join(f"{name} {size:,}" for name, size in facts.get("splits", {}).items() if size)
    card = TEMPLATE.format(
        **contents.header["model"], mark=MARK, name=contents.name, version=facts.get("charrnn", ""),
        text=facts.get("text", "not known"), characters=facts.get("characters", 0),
        sha256=facts.get("text_sha256", "not known"), splits=splits or "not known",
        how_split="Each document by a hash of its text, in symbols (their ends and boundaries counted)" if documents
        else "Contiguous splits by position, in characters",
        how_read="" if documents else ", with the state carried through it",
        known=len(model.vocabulary) - len(model.labels) - documents,
        labels=f"\nDocuments have a label: {', '.join(model.labels)}." if model.labels else "",
        parameters=len(model.params.vector), quantise=contents.quantise, losses="\n".join(losses or ["- not known"]),
        copies=_copies(sample, contents), sample=_indented(sample),
        settings=_indented(json.dumps(settings, indent=2, ensure_ascii=False)),
    )  # fmt: skip
    write_atomic(path, printable(card, keep=LAYOUT).encode())


def _copies(sample: str, contents: Contents) -> str:
    sentences = ["The training text is not at hand: how much the sample below copies is not measured."]
    if contents.training_text:
        copied = len(longest_copy(sample, contents.training_text))
        sentences = [f"The longest piece of the sample below that stands in the training split: {copied} characters."]
    sentences.append("The model may repeat pieces of its training text word for word.")
    if contents.model.experts:
        sentences.append("Its counts hold nearly all of the training text.")
    return "\n".join(sentences)


def _indented(text: str) -> str:
    """A text as a block of code, whatever is in it."""
    return "\n".join(f"    {line}" for line in text.split("\n"))
