"""`charrnn train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from charrnn.cli.live import LiveServer
from charrnn.cli.options import config_options, given, json_option, quiet_option
from charrnn.cli.output import OutputError, echo, echo_json, echo_text, say
from charrnn.cli.progress import make_callback
from charrnn.config import known_settings
from charrnn.interrupts import Interrupted
from charrnn.parallel.team import ALONE, Team
from charrnn.recipes import read_recipe, recipe_names
from charrnn.training.announce import sample_text
from charrnn.training.run import Run
from charrnn.training.train import train as train_run
from charrnn.units import with_units

RECIPES = [read_recipe(name) for name in recipe_names()]
BY_RECIPE = {name for recipe in RECIPES for settings in (recipe.settings, *recipe.sizes) for name in settings}
SAMPLE_LENGTH = 500
SAMPLE_TEMPERATURE = 0.7


@click.command(
    epilog="""\b
Examples:
  charrnn train
  charrnn train book.txt --minutes 5
  charrnn train book.txt --hidden-size 200 --batching chunked --epochs 10
  cat *.txt | charrnn train - --out runs/everything
  charrnn train names.txt --documents lines --unique
  charrnn train more.txt --init-from runs/book-qrnn
  charrnn train little.txt --init-from clockmakers-cup
  charrnn train --resume runs/book-qrnn --steps 10000"""
)
@click.argument("text", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), help="The run folder [default: runs/TEXT-CELL].")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Resume a run.")
@click.option(
    "--recipe",
    metavar="NAME|FILE.toml",
    help=f"Settings by name ({', '.join(recipe_names())}) or from a file [default: by --cell or --minutes].",
)
@click.option(
    "--serve", is_flag=True, help="Show the curve and samples on a local page during training; see charrnn serve."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port of that page; 0 for any free one [default: 8000]."
)
@config_options(known_settings(), by_recipe=BY_RECIPE)
@quiet_option
@json_option
@click.pass_obj
def train(
    team: Team | None,
    /,
    text: tuple[str, ...],
    serve: bool,
    port: int | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a model on TEXT and print a sample.

    TEXT is one or more UTF-8 files, "-" for standard input, or the name of a library corpus (see: charrnn corpora).
    Without TEXT, the bundled novel is used. A recipe chooses the network, its size and the schedule, to fit the length
    of the text and the minutes of the budget; any flag overrides it. The run ends when it reaches the first of
    --epochs, --steps and --minutes. Ctrl-C saves and stops; --resume continues the run.
    """
    callback = make_callback(quiet)
    callback.also_begin = click.get_current_context().with_resource(LiveServer(serve, port, quiet)).begin
    try:
        run = train_run(text, callback=callback, team=team or ALONE, **given(options))
    except Interrupted as stopped:
        say(f"charrnn: interrupted: {stopped}")
        sys.exit(128 + stopped.signal)
    sample = sample_text(run.model, SAMPLE_LENGTH, temperature=SAMPLE_TEMPERATURE, seed=run.config.seed)
    try:
        if as_json:
            echo_json(_as_json(run, sample))
            return
        echo(_summary(run))
        echo_text(sample)
    except OutputError as error:
        raise OutputError(f"{error}; the run is saved in {run.path}") from None
    copied = run.longest_copy(sample)
    if copied is not None and not quiet:
        say(f"longest piece of this sample that occurs in the training text: {len(copied)} characters, {copied!r}")


def _summary(run: Run) -> str:
    parts = [f"trained {run.step:,} steps ({run.epoch:.2f} epochs) in {run.seconds:.0f} s"]
    evaluated = ("validation", run.val), ("test", run.test)
    parts += [f"{name} {with_units(e.nats_per_char, run.model.vocabulary.unit)}" for name, e in evaluated if e]
    if run.best_step != run.step:
        parts.append(f"best at step {run.best_step:,}")
    if run.ended == "patience":
        parts.append("stopped because validation no longer improved")
    if run.warning:
        parts.append(f"warning: {run.warning}")
    return f"{'; '.join(parts)}; saved in {run.path}"


def _as_json(run: Run, sample: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "run": str(run.path), "ended": run.ended, "step": run.step, "epoch": run.epoch,
        "seconds": round(run.seconds, 3), "best_step": run.best_step,
    }  # fmt: skip
    for name, e in (("val", run.val), ("test", run.test)):
        if e:
            values[f"{name}_nats_per_char"], values[f"{name}_bits_per_char"] = e.nats_per_char, e.bits_per_char
    for when, e in zip(("before", "after"), run.parent_val or (), strict=False):
        values[f"parent_val_nats_per_char_{when}"] = e.nats_per_char
    if run.warning:
        values["warning"] = run.warning
    copied = run.longest_copy(sample)
    return {**values, "sample": sample, "longest_copy": None if copied is None else len(copied)}
