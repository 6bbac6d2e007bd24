"""`charrnn gradcheck`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import check_figure, json_option, quiet_option
from charrnn.cli.output import echo, echo_json, say
from charrnn.errors import ConfigError
from charrnn.figures.gradient_errors import draw_gradient_errors
from charrnn.gradcheck import METHODS, Result, available
from charrnn.gradcheck import gradcheck as run_gradcheck
from charrnn.nn.kernels import CHOICES
from charrnn.nn.layers import LAYERS
from charrnn.runs.files import write_atomic

EVERY = "all"


@click.command(
    epilog="""\b
Examples:
  charrnn gradcheck
  charrnn gradcheck --cell lstm --against complex-step
  charrnn gradcheck --cell gru --num-layers 2 --hidden-size 20 --json
  charrnn gradcheck --figure errors.png"""
)
@click.option(
    "--cell", type=click.Choice([*LAYERS, EVERY]), default=EVERY, show_default=True, help="The cell to check."
)
@click.option(
    "--against", type=click.Choice([*METHODS, EVERY]), default=EVERY, show_default=True, help="What to compare with."
)
@click.option(
    "--num-layers", type=click.IntRange(1, 9), multiple=True, default=(1, 2, 3), show_default=True,
    help="Layers of the network; may be repeated.",
)  # fmt: skip
@click.option("--hidden-size", type=click.IntRange(4), default=200, show_default=True, help="Units in each layer.")
@click.option("--seq-len", type=click.IntRange(2), default=25, show_default=True, help="Characters in the window.")
@click.option("--batch-size", type=click.IntRange(1), default=12, show_default=True, help="Lanes of the batch.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides the network and its data.")
@click.option(
    "--kernels",
    type=click.Choice(CHOICES),
    default="auto",
    show_default=True,
    help="The code whose gradients are checked.",
)
@click.option("--figure", type=click.Path(path_type=Path), help="Draw the errors: a .png, .svg or .pdf file.")
@quiet_option
@json_option
def gradcheck(
    cell: str, against: str, num_layers: tuple[int, ...], figure: Path | None, quiet: bool, as_json: bool, **size: Any
) -> None:
    """Check the gradients of the training code by independent methods.

    The gradients of every parameter array and of the initial state are checked in float64, for each cell as a plain
    network and as one with experts. The methods are PyTorch's autograd (with 30 steps of training beside it),
    complex-step derivatives, which need no other framework, and central differences. Prints relative errors. The exit
    status is 1 if one is above its tolerance.
    """
    file_format = check_figure(figure) if figure else ""
    methods = list(METHODS) if against == EVERY else [against]
    if against == EVERY and "torch" not in available():
        methods.remove("torch")
        say(
            "left out: gradients and thirty steps of training compared with PyTorch, which is not installed: "
            "pip install torch==2.13.0"
        )
    results = []
    for name in LAYERS if cell == EVERY else [cell]:
        found = list(run_gradcheck([name], methods, sorted(set(num_layers)), **size))
        results += found
        if not as_json and not quiet:
            _print_tables(found)
    if not results:
        raise ConfigError(f"cell '{cell}' has no twin in PyTorch: use --against complex-step")
    if figure:
        write_atomic(figure, draw_gradient_errors([{**r._asdict(), "title": r.title} for r in results], file_format))
    failed = [r for r in results if not r.passed]
    if as_json:
        echo_json([r._asdict() for r in results])
    else:
        for r in failed:
            echo(
                f"FAILED: {r.network}, {r.layers} layers, {r.parameter} against {r.against}: "
                f"relative error {r.relative_error:.1e} is above {r.tolerance:.0e}"
            )
        if not failed:
            echo(f"all {len(results)} gradients and states agree")
    if failed:
        sys.exit(1)


def _print_tables(results: Sequence[Result]) -> None:
    methods = list(dict.fromkeys(r.against for r in results))
    for title in dict.fromkeys(r.title for r in results):
        rows: dict[str, dict[str, str]] = {}  # parameter → method → its error
        for r in results:
            if r.title == title:
                error = f"{r.relative_error:.1e}{' ' if r.passed else '!'}"
                rows.setdefault(r.parameter, {})[r.against] = error
        width = 2 + max(map(len, rows))
        echo(f"{title:<{width}}" + "".join(f"{method:>19}" for method in methods))
        for parameter, errors in rows.items():
            line = f"{parameter:<{width}}" + "".join(f"{errors.get(method, ''):>19}" for method in methods)
            echo(line.rstrip())
        echo()
