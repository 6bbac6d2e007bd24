"""What a method of search is: it says which settings are tried, by number, and hears what became of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charrnn.sweeps.spec import Settings, Spec


class Method(ABC):
    """Chooses settings.

    Attributes
    ----------
    by_trials : bool
        It tries as many settings as `trials` says; otherwise, all there are.
    prunes : bool
        It can end runs early; `pruning = false` forbids it.
    patient : bool
        One seed of a setting after the other: the first may be enough.
    count : int
        How many settings will be tried.
    """

    by_trials = True
    prunes = False
    patient = False
    count: int

    @abstractmethod
    def __init__(self, spec: Spec, folder: Path) -> None: ...

    @abstractmethod
    def settings(self, number: int) -> Settings:
        """The settings of a number; asked again, the same."""

    def tell(self, number: int, state: str, loss: float | None) -> None:  # noqa: B027 (a grid need not hear)
        """What became of them: "finished", "pruned" or "failed", and the mean loss in nats per character."""
