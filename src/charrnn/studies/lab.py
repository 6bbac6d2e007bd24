"""Where studies are carried out: it runs their jobs on both cores, keeps each result, and writes what was found."""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn import errors, parallel
from charrnn.errors import RunError
from charrnn.figures.style import image
from charrnn.ngrams import NGram, best_ngram, uniform_nats
from charrnn.runs.files import read_json, write_atomic, write_json
from charrnn.studies.job import Job, run_job
from charrnn.text.corpus import Corpus
from charrnn.text.reading import Reading
from charrnn.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VAL_FRACTION = 0.1
Row = dict[str, Any]
Result = dict[str, Any]


@dataclass
class Report:
    """What a study found: rows of results, figures, and sentences whose numbers are computed from the rows."""

    rows: list[Row]
    columns: dict[str, str]  # of the README's table: key and heading
    findings: list[str]
    figures: dict[str, Figure] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A question, and the function that answers it."""

    name: str
    title: str
    question: str
    carry_out: Callable[[Lab], Report]


class Lab:
    """A text, a folder, and how much time there is.

    Parameters
    ----------
    reading : Reading
        The text; its last 10 % validate, whatever the study.
    out : Path
        The study's folder. A job whose result is there already is not run again, so that a study that was interrupted
        goes on where it stopped.
    """

    def __init__(
        self,
        reading: Reading,
        out: Path,
        *,
        seeds: int = 3,
        quick: bool = False,
        jobs: int = 2,
        say: Callable[[str], None] = print,
    ) -> None:
        self.text, self.out, self.seeds, self.quick, self.jobs, self.say = reading.text, out, seeds, quick, jobs, say
        self.corpus = Corpus.from_reading(reading)
        self.splits = self.corpus.split(VAL_FRACTION, 0.0)
        self.train_text = self.text[: len(self.splits["train"])]
        self.val_text = self.text[len(self.splits["train"]) :]
        try:
            (out / "jobs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder '{out}': {error.strerror}") from None
        self._ngram: tuple[NGram, float] | None = None

    def train(self, wanted: Sequence[Job]) -> list[Result]:
        """The results of jobs, in their order; those that are missing are run, several at a time."""
        paths = [self.out / "jobs" / f"{job.key(self.corpus.sha256)}.json" for job in wanted]
        missing = [(job, path) for job, path in zip(wanted, paths, strict=True) if not path.is_file()]
        if len(missing) < len(wanted):
            self.say(f"{len(wanted) - len(missing)} of {len(wanted)} runs are there already")
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

    def ngram(self) -> tuple[NGram, float]:
        """The n-gram whose order is best on the validation split, and its loss there."""
        if self._ngram is None:
            self._ngram = best_ngram(self.splits["train"], self.splits["val"], len(self.corpus.vocabulary))
        return self._ngram

    def baselines(self) -> list[Row]:
        """Rows for the table: guessing, unigram, and the best n-gram."""
        ngram, loss = self.ngram()
        vocab_size = len(self.corpus.vocabulary)
        unigram = float(NGram(self.splits["train"], vocab_size, 1).nats(self.splits["val"])[1:].mean())
        name = f"Witten–Bell {ngram.order}-gram (order chosen on validation)"
        best, best_loss = best_ngram(self.splits["train"], self.splits["val"], vocab_size, "Kneser–Ney")
        named = {
            "guessing (ln V)": uniform_nats(vocab_size), "unigram": unigram, name: loss,
            f"Kneser–Ney {best.order}-gram (likewise)": best_loss,
        }  # fmt: skip
        return [{"label": label, "val_loss": value, "best_val_loss": value} for label, value in named.items()]

    def write(self, study: Study, report: Report, command: str) -> Path:
        """results.csv, the figures as PNG and SVG, and README.md."""
        table = io.StringIO()
        keys = list(dict.fromkeys(key for row in report.rows for key in row))
        writer = csv.DictWriter(table, keys, lineterminator="\n")
        writer.writeheader()
        writer.writerows(report.rows)
        write_atomic(self.out / "results.csv", table.getvalue().encode())
        for name, figure in report.figures.items():
            for file_format in ("png", "svg"):
                write_atomic(self.out / f"{name}.{file_format}", image(figure, file_format))
        write_atomic(self.out / "README.md", self._readme(study, report, command).encode())
        write_json(self.out / "study.json", {"study": study.name, "command": command, **self._facts()})
        return self.out / "README.md"

    def _facts(self) -> dict[str, Any]:
        sizes = {name: len(ids) for name, ids in self.splits.items() if len(ids)}
        return {
            "text": self.corpus.name, "text_sha256": self.corpus.sha256, "splits": sizes, "seeds": self.seeds,
            "quick": self.quick, "charrnn": __version__, "numpy": np.__version__, "machine": _machine(),
        }  # fmt: skip

    def _readme(self, study: Study, report: Report, command: str) -> str:
        facts = self._facts()
        head = " | ".join(report.columns.values())
        lines = [
            f"| {head} |",
            "| " + " | ".join("---" if k == 0 else "--:" for k in range(len(report.columns))) + " |",
        ]
        lines += ["| " + " | ".join(_cell(row.get(key)) for key in report.columns) + " |" for row in report.rows]
        figures = [f"![{report.captions.get(n, n)}]({n}.png)\n\n*{report.captions.get(n, n)}*" for n in report.figures]
        findings = "\n".join(f"- {finding}" for finding in report.findings)
        sizes = facts["splits"]
        return "\n\n".join(
            [
                f"# {study.title}",
                study.question,
                f"Text: {facts['text']} (SHA-256 {facts['text_sha256'][:12]}…); the first {sizes['train']:,} characters "
                f"train, the last {sizes['val']:,} validate, always the whole split. Losses are in nats per character. "
                f"Made by `{command}` with charrnn {facts['charrnn']}, NumPy {facts['numpy']}, on {facts['machine']}.",
                "## What was found",
                findings,
                *figures,
                "## Results",
                "\n".join(lines),
                "",
            ]
        )


def _run_and_keep(job: Job, corpus: Corpus, path: Path) -> tuple[str, float, float]:
    result = run_job(job, corpus, corpus.split(VAL_FRACTION, 0.0), path.with_suffix(".safetensors"))
    write_json(path, result)
    return job.label, result["val_loss"], result["cpu_seconds"]


def _as_error(failure: parallel.Failure) -> Exception:
    """What a run raised, in this process: one of ours by its name, anything else with its traceback."""
    kind = getattr(errors, failure.kind, None)
    return kind(failure.message) if kind else RuntimeError(f"{failure}\n{failure.report}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, one thread for each run"


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half the distance between the smallest and the largest."""
    return float(np.mean(values)), float(max(values) - min(values)) / 2


def load_model(lab: Lab, result: Result) -> Any:
    """The network that a job has kept."""
    from charrnn.language_model import load

    return load(lab.out / "jobs" / result["model"])
