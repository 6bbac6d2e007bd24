"""`charrnn sweep`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import json_option, quiet_option
from charrnn.cli.output import echo, echo_json, say
from charrnn.interrupts import Interrupted
from charrnn.sweeps import Sweep
from charrnn.sweeps import sweep as run_sweep
from charrnn.sweeps.callback import (
    LineSweepCallback,
    SweepCallback,
    other_counts,
    record_line,
    settings_words,
)
from charrnn.sweeps.folder import FINISHED, count_states
from charrnn.units import CHARACTER, with_units


@click.command(
    epilog="""\b
Examples:
  charrnn sweep rates.toml
  charrnn sweep rates.toml --jobs 4 --out sweeps/rates
  charrnn sweep rates.toml --dask tcp://10.0.0.1:8786
  mpiexec -n 9 python -m mpi4py.futures -m charrnn sweep rates.toml
  charrnn sample sweeps/rates/best

\b
A specification:
  text = "book.txt"
  method = "random"           # grid, random or tpe
  trials = 20
  seeds = [0, 1]
  [settings]
  steps = 1000
  [search]
  hidden_size = [64, 128, 256]
  learning_rate = { low = 1e-3, high = 1e-2, log = true }"""
)
@click.argument("spec", metavar="SPEC.toml", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The sweep's folder [default: sweeps/SPEC].")
@click.option("--jobs", type=click.IntRange(1), help=f"Runs at a time [default: cores, here {os.cpu_count() or 1}].")
@click.option("--dask", metavar="ADDRESS", help="Run on the workers of this dask.distributed scheduler.")
@click.option("--slurm", is_flag=True, help="Run as jobs of Slurm, at most --jobs at a time.")
@click.option("--retry-failed", is_flag=True, help="Run the failed runs again.")
@quiet_option
@json_option
def sweep(spec: Path, quiet: bool, as_json: bool, **options: Any) -> None:
    """Train with many settings and rank them by validation loss.

    SPEC.toml names the settings to search and the method: a whole grid, settings drawn at random, or settings that
    Optuna proposes. Any setting of charrnn train can be searched. The sweep's folder gets every run, a table (CSV), a
    figure, a README and `best`, the best run. Ctrl-C saves and stops; the same command resumes the sweep. A run that
    fails is recorded, and the others continue.
    """
    try:
        done = run_sweep(spec, callback=_make_callback(quiet), **options)
    except Interrupted as stopped:
        say(f"charrnn: interrupted: {stopped}")
        sys.exit(128 + stopped.signal)
    if as_json:
        echo_json(_as_json(done))
    else:
        echo(_summary(done))
    if done.best is None:
        say(f"charrnn: error: every run failed; the first: {done.records[0]['error']}")
        sys.exit(1)


def _make_callback(quiet: bool) -> SweepCallback:
    if quiet:
        return SweepCallback()
    if not sys.stderr.isatty():
        return LineSweepCallback()
    from charrnn.cli.sweep_table import TableSweepCallback

    return TableSweepCallback()


def _summary(done: Sweep) -> str:
    finished = count_states(done.records)[FINISHED]
    words = ", ".join([f"{finished} runs finished", *other_counts(done.records)])
    lines = []
    if done.best is not None:
        first, unit = done.ranking[0], done.best.get("unit", CHARACTER)
        assert first.mean is not None
        if first.finished > 1:
            lines.append(
                f"best setting: {settings_words(first.settings)}: validation {with_units(first.mean, unit)}, mean of "
                f"{first.finished} seeds"
            )
        lines.append(f"best run: {record_line(done.best)}; ready to use: {done.path / 'best'}")
    return "\n".join([*lines, f"{words}; written: {done.path / 'README.md'}"])


def _as_json(done: Sweep) -> dict[str, Any]:
    records = [{k: v for k, v in record.items() if k != "report"} for record in done.records]
    best = None if done.best is None else {**done.best, "run": str(done.path / "best")}
    ranking = [asdict(each) for each in done.ranking]
    return {"sweep": str(done.path), **count_states(done.records), "best": best, "ranking": ranking, "runs": records}
