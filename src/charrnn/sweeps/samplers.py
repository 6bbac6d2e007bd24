"""Which settings are tried: all of a grid, or those that Optuna draws or proposes. A new method is a line in METHODS.

Optuna's study is a journal in the sweep's folder (`study.journal`) that all workers share; one of its trials is a
setting with all its seeds. A grid has no study: its settings follow from their numbers.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from charrnn.errors import CharRNNError
from charrnn.randomness import stream
from charrnn.sweeps.journal import Say, import_optuna, mend_study, open_study
from charrnn.sweeps.space import Choices, Dimension, Search, Settings

REPORTS = 20  # of a run's losses to the study: at twentieths of its budget, so that steps of any size compare
DIGITS = 4  # of a number drawn at random from a range
MISSES = 1000  # draws in a row that were drawn before: there are no other settings, or hardly any


class Method(ABC):
    """A method of search.

    Attributes
    ----------
    counts_trials : bool
        The specification says how many settings are tried (`trials`); otherwise all are.
    prunes : bool
        Runs may be ended early; `pruning = false` forbids it.
    seeds_in_turn : bool
        The other seeds of a setting wait for its first one, which may be enough.
    count : int
        The number of settings to try; it falls when there are fewer.
    """

    counts_trials = prunes = seeds_in_turn = False
    count: int

    @abstractmethod
    def __init__(
        self,
        search: Search,
        trials: int | None,
        seed: int,
        folder: Path | None,
        begun: Mapping[int, Settings] = MappingProxyType({}),
        say: Say = lambda text: None,
    ) -> None:
        """Of the sweep in a folder, or without a folder of none; `begun` are the settings whose runs were begun."""

    @abstractmethod
    def settings(self, number: int) -> Settings | None:
        """The settings of a number, the same each time; None if there are no more. Numbers are asked for in order."""

    def tell(self, number: int, pruned: bool, loss: float | None) -> None:  # noqa: B027 (a grid does not need it)
        """Report the outcome of a setting: its mean loss in nats per character, None if all its runs failed."""


class Grid(Method):
    """Every combination of the values; the last setting of the specification changes first."""

    def __init__(self, search: Search, trials: int | None, seed: int, folder: Path | None, *_: Any) -> None:
        values = itertools.product(*(each.values for each in search.values()))
        self.all: list[Settings] = [dict(zip(search, each, strict=True)) for each in values]
        self.count = len(self.all)

    def settings(self, number: int) -> Settings | None:
        return self.all[number]


class Sampled(Method):
    """Settings that a sampler of Optuna chooses. A new sampler is made for every number, so that a resumed sweep tries
    what it would have tried."""

    counts_trials = True

    def __init__(
        self,
        search: Search,
        trials: int | None,
        seed: int,
        folder: Path | None,
        begun: Mapping[int, Settings] = MappingProxyType({}),
        say: Say = lambda text: None,
    ) -> None:
        assert trials is not None
        self.search, self.seed, self.count, self.begun = search, seed, trials, begun
        self.study = open_study(None) if folder is None else mend_study(folder, self._fits, say)
        self.known = self._known(self.study)
        lost = sum(number >= len(self.known) for number in begun)
        if lost:
            say(
                f"the study lacks {lost} of the settings that were begun: they are taken from the records of their runs"
            )
        self.distributions = {name: _distribution(each) for name, each in search.items()}

    def settings(self, number: int) -> Settings | None:
        from optuna.trial import TrialState, create_trial

        if number == len(self.known):
            chosen = self.begun.get(number)  # whose line of the study was lost
            chosen = chosen or self._propose(int(stream(self.seed, "search", number).integers(2**31)))
            if chosen is None:
                self.count = number
                return None
            trial = create_trial(state=TrialState.RUNNING, params=chosen, distributions=self.distributions)
            self.study.add_trial(trial)  # one line of the journal, whole or not there
            self.known.append(chosen)
        return self.known[number]

    def _known(self, study: Any) -> list[Settings]:
        """The settings in a study."""
        trials = study.get_trials(deepcopy=False)
        return [{name: trial.params[name] for name in self.search} for trial in trials]

    def _fits(self, study: Any) -> bool:
        """Whether a study has settings that this search can have."""
        return all(self.search[name].holds(value) for each in self._known(study) for name, value in each.items())

    @abstractmethod
    def _propose(self, seed: int) -> Settings | None:
        """The next settings to try; None if none can be found."""

    def tell(self, number: int, pruned: bool, loss: float | None) -> None:
        """Report the outcome of a setting; one that failed counts as one of the worst, so that others are proposed."""
        from optuna.trial import TrialState

        value, state = (None, TrialState.PRUNED) if pruned else (math.inf if loss is None else loss, None)
        self.study.tell(number, value, state, skip_if_finished=True)


class Random(Sampled):
    """Settings at random, each once."""

    def __init__(self, search: Search, trials: int | None, *others: Any) -> None:
        super().__init__(search, trials, *others)
        self.count = int(min(self.count, math.prod(each.size for each in search.values())))

    def _propose(self, seed: int) -> Settings | None:
        optuna = import_optuna()
        draws = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
        for _ in range(MISSES):
            drawn = draws.ask(self.distributions).params
            chosen = {name: _rounded(each, drawn[name]) for name, each in self.search.items()}
            if chosen not in self.known:
                return chosen
        return None


class Tpe(Sampled):
    """Settings that a tree-structured Parzen estimator proposes, from the outcomes so far."""

    prunes = seeds_in_turn = True

    def _propose(self, seed: int) -> Settings | None:
        optuna = import_optuna()
        copy = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True))
        copy.add_trials(self.study.get_trials(deepcopy=False))
        return dict(copy.ask(self.distributions).params)


METHODS: dict[str, type[Method]] = {"grid": Grid, "random": Random, "tpe": Tpe}


class Pruner:
    """Inside a worker: reports a run's losses to the study, which decides whether the run is worth continuing."""

    def __init__(self, folder: Path, number: int) -> None:
        from optuna.trial import Trial

        study = open_study(folder)
        known = dict(enumerate(study.get_trials(deepcopy=False))).get(number)
        # A run that failed and is run again keeps the outcome that the study has.
        self.trial = None if known is None or known.state.is_finished() else Trial(study, known._trial_id)
        self.reported = max(known.intermediate_values, default=0) if known else 0

    def report(self, share: float, val_loss: float) -> bool:
        """Report a loss at a share of the budget; true if it is worse than the median of other runs there."""
        report = int(share * REPORTS)
        if self.trial is None or report <= self.reported:
            return False
        self.reported = report
        try:
            self.trial.report(val_loss, report)
            return bool(self.trial.should_prune())
        except CharRNNError:  # a full disk: no report is worth a run
            return False


def _distribution(each: Dimension) -> Any:
    """A list or a range as Optuna describes it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(each, Choices):
        return CategoricalDistribution(each.values)
    high = each.high if each.step is None else each.value(int(each.size) - 1)
    if each.whole:
        return IntDistribution(int(each.low), int(high), each.log, int(each.step or 1))
    return FloatDistribution(each.low, high, each.log, each.step)


def _rounded(each: Dimension, value: Any) -> Any:
    """A drawn number with four digits, so that it can be read and typed; values of lists and steps as they are."""
    if isinstance(each, Choices) or each.whole:
        return value
    return min(max(float(f"{value:.{DIGITS if each.step is None else 12}g}"), each.low), each.high)
