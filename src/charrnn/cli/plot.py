"""`charrnn plot`: draw learning curves."""

from __future__ import annotations

from pathlib import Path

import click

from charrnn.cli.options import check_figure, json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.figures.learning_curve import draw_learning_curves
from charrnn.runs.files import write_atomic
from charrnn.runs.folder import RunFolder
from charrnn.units import unit_of


@click.command(epilog="\b\nExample:\n  charrnn plot runs/book-qrnn runs/book-qrnn-2 --out comparison.svg")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("curves.png"), show_default=True,
    help="The figure's file: .png, .svg or .pdf.",
)  # fmt: skip
@click.option("--title", help="The figure's title [default: the texts of the runs].")
@quiet_option
@json_option
def plot(runs: tuple[Path, ...], out: Path, title: str | None, quiet: bool, as_json: bool) -> None:
    """Draw the learning curves of one or more runs in one figure.

    The training loss is smoothed; the validation loss is shown as measured.
    """
    file_format = check_figure(out)
    folders = {str(path): RunFolder.open(path) for path in runs}
    configs = [folder.read_config() for folder in folders.values()]
    units = dict.fromkeys(unit_of(bool(config.get("documents")), bool(config.get("labels"))) for config in configs)
    if title is None:
        texts = dict.fromkeys(str(config.get("text")) for config in configs)
        title = f"{', '.join(texts)}: validation split as in each run's config.json"
    records = {name: folder.read_metrics() for name, folder in folders.items()}
    write_atomic(out, draw_learning_curves(records, title, file_format, " or ".join(units)))
    if as_json:
        echo_json({"figure": str(out), "runs": list(folders)})
    elif not quiet:
        echo(f"wrote {out}")
