"""`charrnn evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import config_options, given, json_option, on_unknown_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.cli.progress import make_callback
from charrnn.config import SETTINGS
from charrnn.scoring import Evaluation
from charrnn.text.corpus import SPLITS
from charrnn.training.dynamic import ALONE, WITH_EXPERTS
from charrnn.training.evaluate import PARTS, RunEvaluation
from charrnn.training.evaluate import evaluate as evaluate_run
from charrnn.units import with_units


@click.command(
    epilog="""\b
Examples:
  charrnn evaluate runs/book-qrnn
  charrnn evaluate runs/book-qrnn another.txt --on-unknown skip
  charrnn evaluate runs/book-qrnn --in-context --dynamic
  charrnn evaluate model.safetensors tinyshakespeare --json"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("text", nargs=-1)
@click.option("--split", type=click.Choice(SPLITS), help="Part of the run's own text [default: val].")
@click.option("--encoding", default="utf-8", show_default=True, help="The encoding of TEXT.")
@click.option("--in-context", is_flag=True, help="Also evaluate with counts that include the text scored so far.")
@click.option("--dynamic", is_flag=True, help="Also evaluate with parameters that learn from the text scored so far.")
@click.option(
    "--dynamic-rate",
    type=float,
    help=f"The learning rate of --dynamic [default: {ALONE.learning_rate}; "
    f"{WITH_EXPERTS.learning_rate} for a model with counts]. With 0, only the mixture of such a model learns.",
)
@on_unknown_option
@config_options({"workers": SETTINGS["workers"]})
@quiet_option
@json_option
def evaluate(run: Path, text: tuple[str, ...], quiet: bool, as_json: bool, **options: Any) -> None:
    """Measure how well the model of RUN predicts a text.

    The loss is in nats and bits per character; of documents, per symbol, which is a character or an end. Without TEXT,
    the whole validation split of the run's own text is used. With TEXT, all of it is used or, if it is the run's own
    text, the part that --split names. The state starts at zero and is carried through the text. Every character after
    the first is predicted.

    --in-context and --dynamic add losses of models that adapt as they read. Compare these with other adaptive models
    only. With --in-context, a model with counts (train --ngrams) counts each character after it is scored. With
    --dynamic, the parameters also learn, from each window after it is scored. The model file does not change.
    """

    def show(result: RunEvaluation) -> None:
        if as_json:
            return
        if result.dynamic:
            how = "learning from what was just scored (dynamic evaluation)"
            echo(f"the same, while {how}: {_words(result.dynamic, result.unit)}")
        elif result.in_context:
            how = "counting what was just scored (in-context counts)"
            echo(f"the same, while {how}: {_words(result.in_context, result.unit)}")
        else:
            what = f"{result.characters:,} characters predicted: {_words(result, result.unit)}"
            if result.documents is not None:
                words = _words(result, result.unit)
                what = f"{result.documents:,} documents: {words}, {result.nats_per_document:.3f} nats per document"
            echo(f"{PARTS[result.split]}, {what}")
            for line in result.labels.words() if result.labels else ():
                echo(line)

    result = evaluate_run(run, text, callback=make_callback(quiet), on_result=show, **given(options))
    if as_json:
        echo_json(result.as_dict())


def _words(e: Evaluation, unit: str) -> str:
    return f"{with_units(e.nats_per_char, unit)}, perplexity {e.perplexity:.3f}"
