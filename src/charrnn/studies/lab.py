"""Where studies run: the lab trains their jobs on several cores, keeps each result, and writes the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from charrnn import errors, parallel, reports
from charrnn.errors import RunError
from charrnn.language_model import LanguageModel, load
from charrnn.ngrams import NGram, best_ngram, uniform_nats
from charrnn.reports import Captioned
from charrnn.runs.files import read_json, write_json
from charrnn.studies.job import Job, run_job
from charrnn.studies.measures import Case, Result, Row
from charrnn.text.corpus import Corpus
from charrnn.text.reading import Reading
from charrnn.version import __version__

VAL_FRACTION = 0.1


@dataclass(frozen=True)
class Report:
    """What a study found: rows of results, figures, and sentences whose numbers are computed from the rows."""

    rows: list[Row]
    columns: dict[str, str]  # of the README's table: key and heading
    findings: list[str]
    figures: dict[str, Captioned]


@dataclass(frozen=True)
class Study:
    """A question, and the function that answers it."""

    name: str
    title: str
    question: str
    run: Callable[[Lab], Report]


class Lab:
    """The text that a study uses, the folder that it writes, and the time that it may take.

    Parameters
    ----------
    reading : Reading
        The text; its last 10 % validate in every study.
    out : Path
        The study's folder. A job whose result is already there is not run again, so an interrupted study resumes where
        it stopped.
    seeds : int
        The number of runs of each setting.
    quick : bool
        Whether to train for fewer epochs.
    jobs : int
        The number of runs at a time.
    say : callable
        Receives a line for each finished run.
    """

    def __init__(
        self, reading: Reading, out: Path, *, seeds: int = 3, quick: bool = False, jobs: int = 2,
        say: Callable[[str], None] = print,
    ) -> None:  # fmt: skip
        self.text, self.out, self.seeds, self.quick, self.jobs, self.say = reading.text, out, seeds, quick, jobs, say
        self.corpus = Corpus.from_reading(reading)
        self.splits = self.corpus.split(VAL_FRACTION, 0.0)
        self.train_text = self.text[: len(self.splits["train"])]
        self.val_text = self.text[len(self.splits["train"]) :]
        try:
            (out / "jobs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder '{out}': {error.strerror}") from None

    def compare(
        self, cases: Mapping[Case, tuple[str, Mapping[str, Any]]], epochs: float, evals_at: Iterable[int] = ()
    ) -> dict[Case, list[Result]]:
        """Return each case's results, one for each seed. A case has a label and its settings."""
        jobs = [
            Job(f"{label}, seed {seed}", {**settings, "seed": seed}, epochs, evals_at=tuple(evals_at))
            for label, settings in cases.values()
            for seed in range(self.seeds)
        ]
        results = self.train(jobs)
        return {case: results[k * self.seeds : (k + 1) * self.seeds] for k, case in enumerate(cases)}

    def train(self, wanted: Sequence[Job]) -> list[Result]:
        """Return the results of jobs, in their order. Missing results are computed, several at a time."""
        paths = [self.out / "jobs" / f"{job.key(self.corpus.sha256)}.json" for job in wanted]
        missing = [(job, path) for job, path in zip(wanted, paths, strict=True) if not path.is_file()]
        if len(missing) < len(wanted):
            self.say(f"{len(wanted) - len(missing)} of {len(wanted)} runs are already done")
        order = iter(parallel.Job(path.stem, _run_and_keep, (job, self.corpus, path)) for job, path in missing)
        backend = parallel.local_backend(min(self.jobs, max(1, len(missing))))
        with closing(parallel.run_jobs(backend, lambda: next(order, None))) as outcomes:
            for done, outcome in enumerate(outcomes, 1):
                if outcome.failure:
                    raise _as_error(outcome.failure)
                label, loss, seconds = outcome.value
                self.say(
                    f"run {done} of {len(missing)}: {label}: validation {loss:.4f} nats per character, "
                    f"{seconds:.0f} CPU seconds"
                )
        return [read_json(path) for path in paths]

    def model(self, result: Result) -> LanguageModel:
        """Return the network of a job that kept it."""
        return load(self.out / "jobs" / result["model"])

    @cached_property
    def ngram(self) -> tuple[NGram, float]:
        """The Witten–Bell n-gram whose order is best on the validation split, and its loss there."""
        vocabulary = self.corpus.vocabulary
        return best_ngram(self.splits["train"], self.splits["val"], len(vocabulary), documents=vocabulary.documents)

    def baselines(self) -> list[Row]:
        """Return the table's rows for models without a network: guessing, unigram, and the best n-grams."""
        vocab_size, train, val = len(self.corpus.vocabulary), self.splits["train"], self.splits["val"]
        ngram, loss = self.ngram
        best, best_loss = best_ngram(train, val, vocab_size, "Kneser–Ney", self.corpus.vocabulary.documents)
        named = {
            "guessing (ln V)": uniform_nats(vocab_size),
            "unigram": float(NGram(train, vocab_size, 1).nats(val)[1:].mean()),
            f"Witten–Bell {ngram.order}-gram (order chosen on validation)": loss,
            f"Kneser–Ney {best.order}-gram (order chosen on validation)": best_loss,
        }
        return [{"label": label, "val_loss": value, "best_val_loss": value} for label, value in named.items()]

    def write(self, study: Study, report: Report, command: str) -> Path:
        """Write results.csv, the figures as PNG and SVG, README.md and study.json; return the path of README.md."""
        sizes = {name: len(ids) for name, ids in self.splits.items() if len(ids)}
        machine = f"{reports.machine()}, one thread for each run"
        head = [
            f"# {study.title}",
            study.question,
            f"Text: {self.corpus.name} (SHA-256 {self.corpus.sha256[:12]}…); the first {sizes['train']:,} characters "
            f"train, the last {sizes['val']:,} validate, always the whole split. Losses are in nats per character. "
            f"Made by `{command}` with charrnn {__version__}, NumPy {np.__version__}, on {machine}.",
            "## What was found",
            reports.bullets(report.findings),
        ]
        reports.write_table(self.out, report.rows)
        figures = reports.write_figures(self.out, report.figures)
        table = reports.markdown_table(report.rows, report.columns)
        page = reports.write_page(self.out, [*head, *figures, "## Results", table])
        facts = {
            "study": study.name, "command": command, "text": self.corpus.name, "text_sha256": self.corpus.sha256,
            "splits": sizes, "seeds": self.seeds, "quick": self.quick, "charrnn": __version__, "numpy": np.__version__,
            "machine": machine,
        }  # fmt: skip
        write_json(self.out / "study.json", facts)
        return page


def _run_and_keep(job: Job, corpus: Corpus, path: Path) -> tuple[str, float, float]:
    result = run_job(job, corpus, corpus.split(VAL_FRACTION, 0.0), path.with_suffix(".safetensors"))
    write_json(path, result)
    return job.label, result["val_loss"], result["cpu_seconds"]


def _as_error(failure: parallel.Failure) -> Exception:
    """Return the exception that a run raised: charrnn's own by their names, any other with its traceback."""
    kind = getattr(errors, failure.kind, None)
    return kind(failure.message) if kind else RuntimeError(f"{failure}\n{failure.report}")
