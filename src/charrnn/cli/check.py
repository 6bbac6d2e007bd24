"""`charrnn check`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from charrnn.cli.options import json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.errors import ConfigError
from charrnn.learning import check_file
from charrnn.learning.layouts import STYLES
from charrnn.learning.rules import LIKE


@click.command(
    epilog="""\b
Examples:
  charrnn check mine.py
  charrnn check mine.py:loss_and_grads
  charrnn check mine.py:rnn_backward --like cs231n --json
  charrnn check mine.py:adam_step
  charrnn check mine.ipynb:my_update --like adam
  charrnn check mine.py --gradescope > results.json"""
)
@click.argument("program", metavar="FILE.py[:FUNCTION]")
@click.option(
    "--like",
    type=click.Choice([*STYLES, *LIKE]),
    help="The style of the arguments, or the rule that FUNCTION follows [default: every style; by name].",
)
@click.option("--seconds", type=click.FloatRange(0.5, 600), default=10, show_default=True, help="The time limit.")
@click.option("--gradescope", is_flag=True, help="JSON in the form of Gradescope's results.json.")
@quiet_option
@json_option
def check(program: str, like: str | None, seconds: float, gradescope: bool, quiet: bool, as_json: bool) -> None:
    """Check your own backward pass, update rule or sampler, and name the mistake.

    FILE.py, or a notebook, holds the forward and backward pass of a vanilla RNN, LSTM or GRU, in NumPy. Its functions
    run in a process of their own, on a small case, with a time limit; its loops and its training do not run. Each
    gradient is compared with charrnn's. One that differs is compared with the gradients of known mistakes. Update rules
    such as Adam, and samplers, are checked in the same way. Without FUNCTION, all of them in the file are. The exit
    status is 1 if one is wrong.
    """
    path, _, function = program.rpartition(":") if re.search(r"\.(py|ipynb):", program) else (program, "", "")
    if not Path(path).is_file():
        raise ConfigError(f"'{path}' is no file: give a Python file, or FILE.py:FUNCTION")
    report = check_file(Path(path), function or None, like, seconds=seconds)
    if gradescope:
        echo_json(report.as_gradescope())
    elif as_json:
        echo_json(report.as_dict())
    else:
        echo(report.as_text(remarks=not quiet))
    if report.mistakes:
        sys.exit(1)
