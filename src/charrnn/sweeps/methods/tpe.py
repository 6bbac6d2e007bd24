"""Optuna: a tree-structured Parzen estimator proposes settings, and runs worse than the median are ended early.

The study is a journal in the sweep's folder (`study.journal`), which all workers share. Losses are reported to it at
twentieths of a run's budget, so that runs whose steps differ in size can be compared.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.errors import RunError
from charrnn.randomness import stream
from charrnn.sweeps.methods.method import Method
from charrnn.sweeps.space import Range

if TYPE_CHECKING:
    from charrnn.sweeps.spec import Settings, Spec

JOURNAL = "study.journal"
NAME = "charrnn"
REPORTS = 20  # in a run
TRIED_FIRST = 5  # settings that are complete before any is ended early
LEAST_REPORTS = 4  # of a run before it may be ended early


class Tpe(Method):
    """Settings that Optuna proposes, from what it has been told so far."""

    patient = True
    prunes = True

    def __init__(self, spec: Spec, folder: Path) -> None:
        assert spec.trials is not None
        self.spec, self.count = spec, spec.trials
        self.study = _study(folder)

    def settings(self, number: int) -> Settings:
        """The settings of a number; asked again, the same.

        The sampler begins anew for every number, so that an interrupted study goes on as it would have gone on.
        """
        from optuna.trial import Trial

        trials = self.study.get_trials(deepcopy=False)
        if number < len(trials):
            known = trials[number]
            if known.state.is_finished():
                return {name: known.params[name] for name in self.spec.search}
            trial = Trial(self.study, known._trial_id)
        else:
            self.study.sampler = _sampler(int(stream(self.spec.seed, "search", number).integers(2**31)))
            trial = self.study.ask()
            if trial.number != number:
                raise RunError(f"'{JOURNAL}' lacks trials that were begun: begin the sweep anew in another --out")
        return {name: _suggest(trial, name, each) for name, each in self.spec.search.items()}

    def tell(self, number: int, state: str, loss: float | None) -> None:
        """What became of them; a setting that failed counts as one of the worst, so that others are proposed."""
        from optuna.trial import TrialState

        if state == "pruned":
            self.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            self.study.tell(number, math.inf if loss is None else loss, skip_if_finished=True)


class Judge:
    """Inside a worker: reports a run's losses, and asks whether it is worth going on."""

    def __init__(self, folder: Path, number: int) -> None:
        from optuna.trial import Trial

        study = _study(folder)
        known = study.get_trials(deepcopy=False)[number]
        # A run that has failed, and is run again, is to the study what it was.
        self.trial = None if known.state.is_finished() else Trial(study, known._trial_id)
        self.reported = max(known.intermediate_values, default=0)

    def is_hopeless(self, progress: float, val_loss: float) -> bool:
        """Report a loss at a share of the budget; whether it is worse than the median of other runs there."""
        report = int(progress * REPORTS)
        if self.trial is None or report <= self.reported:
            return False
        self.reported = report
        self.trial.report(val_loss, report)
        return bool(self.trial.should_prune())


def _study(folder: Path) -> Any:
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise RunError("method 'tpe' needs Optuna: pip install 'charrnn[sweep]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=NAME,
        storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
        direction="minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=TRIED_FIRST, n_warmup_steps=LEAST_REPORTS),
    )


def _sampler(seed: int) -> Any:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _suggest(trial: Any, name: str, values: Any) -> Any:
    if not isinstance(values, Range):
        return trial.suggest_categorical(name, values)
    high = values.high if values.step is None else values.values()[-1]
    if values.whole:
        return trial.suggest_int(name, values.low, high, step=values.step or 1, log=values.log)
    return trial.suggest_float(name, values.low, high, step=values.step, log=values.log)
