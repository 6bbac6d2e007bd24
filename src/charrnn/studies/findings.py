"""The sentences that the findings of several studies share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from charrnn.studies.lab import Lab
from charrnn.studies.measures import Row


def listed(values: Mapping[str, float], digits: int = 4) -> str:
    """Return names and values, separated by commas."""
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


def ranked(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values in ascending order."""
    return dict(sorted(values.items(), key=lambda item: item[1]))


def lowest(values: Mapping[str, float]) -> str:
    """Return the name with the lowest value."""
    return next(iter(ranked(values)))


def ranking(what: str, losses: Mapping[str, float]) -> str:
    """List losses, the lowest first, and name the best."""
    return f"{what}: {listed(ranked(losses))} nats per character. The best is {lowest(losses)}."


def verdict(claim: str, holds: bool) -> str:
    """Say whether the results confirm a claim."""
    return f"The claim that {claim} is {'confirmed' if holds else 'not confirmed'}."


def beside_ngram(lab: Lab, rows: Iterable[Row]) -> str:
    """Compare the best of the networks with the best n-gram."""
    ngram, loss = lab.ngram
    best = min(rows, key=lambda row: float(row["val_loss"]))
    relation = "better than" if best["val_loss"] < loss else "not as good as"
    return (
        f"The best of these networks ({best['label']}: {best['val_loss']:.4f}) is {relation} the Witten–Bell "
        f"{ngram.order}-gram ({loss:.4f}), which takes about a second to build."
    )
