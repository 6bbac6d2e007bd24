"""`charrnn export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.cli.progress import make_callback
from charrnn.export import FORMATS
from charrnn.export import export as export_run
from charrnn.export.quantise import WAYS


@click.command(
    epilog="""\b
Examples:
  charrnn export runs/book-qrnn --to html --out page.html
  charrnn export runs/book-qrnn --to js --out book-model
  charrnn export runs/book-qrnn --to npz --out model.npz
  charrnn export runs/book-qrnn --to npz --out model.npz --quantise int8"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(list(FORMATS)), required=True, help="What to write.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file, or with --to js the folder.")
@click.option(
    "--quantise", type=click.Choice(list(WAYS)),
    help="Matrices as whole numbers of one byte, or as floats [default: int8; none with --to npz].",
)  # fmt: skip
@click.option("--prune", type=int, help="In a model with counts, leave out the longest contexts that occur less often.")
@click.option("--card", is_flag=True, help="Also write a model card, README.md, in the folder of the export.")
@quiet_option
@json_option
def export(run: Path, to: str, out: Path, quiet: bool, as_json: bool, **options: Any) -> None:
    """Write the model of RUN for use without charrnn.

    RUN is a run folder or a model.safetensors file. html is one page that works offline in any browser. js is a folder
    with an ES module, its types and the model, for browsers and Node. npz is a file of arrays for NumPy, which every
    command also reads. If the text of the run can be found, the loss on its validation split is measured before and
    after each change.
    """
    result = export_run(run, to, out, callback=make_callback(quiet), **options)
    if as_json:
        echo_json(result.as_dict())
    elif not quiet:
        counts = f", counts in it {result.counts_bytes / 1e6:.2f} MB" if result.counts_bytes else ""
        echo(f"wrote {out}: {result.bytes / 1e6:.2f} MB{counts}")
