"""`charrnn sample`."""

from __future__ import annotations

import itertools
import secrets
from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import config_options, given, json_option, on_unknown_option, quiet_option
from charrnn.cli.output import ReaderGoneError, echo_json, echo_text, say
from charrnn.errors import ConfigError
from charrnn.generation.filters import GREEDY, make_sampling, sampling_settings
from charrnn.language_model import load
from charrnn.text.reading import STDIN, read_files

FILE = "FILE:"


@click.command(
    epilog="""\b
Examples:
  charrnn sample runs/book-qrnn
  charrnn sample runs/book-qrnn --prompt "The clock" --temperature 0.7 --top-p 0.9 --seed 1
  charrnn sample model.safetensors --prompt FILE:opening.txt --length 2000
  charrnn sample runs/book-qrnn --num-samples 5 --stop "." --length 200"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--prompt", "--start-text", "--prime-text", default="", help="Text to continue; FILE:path or - reads it.")
@click.option(
    "--length", type=click.IntRange(0), default=500, show_default=True, help="Characters to generate after the prompt."
)
@config_options({**sampling_settings(), GREEDY.name: GREEDY})
@click.option("--stop", multiple=True, metavar="STRING", help="Stop before this string; may be repeated.")
@click.option(
    "--num-samples", type=click.IntRange(1), default=1, show_default=True, help="Samples to generate, side by side."
)
@click.option("--seed", type=click.IntRange(0), help="Equal seeds give equal texts [default: a new seed each time].")
@on_unknown_option
@quiet_option
@json_option
def sample(
    run: Path,
    prompt: str,
    length: int,
    stop: tuple[str, ...],
    num_samples: int,
    seed: int | None,
    on_unknown: str,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Generate text with the model of RUN.

    RUN is a run folder or a model.safetensors file. A single sample is printed as it is generated; the prompt is
    printed before it and does not count in --length.
    """
    model = load(run)
    prompt = model.vocabulary.mend(_read_prompt(prompt, quiet))
    known = model.vocabulary.decode(model.vocabulary.encode(prompt, on_unknown))
    if known != prompt and not quiet:
        say(f"skipped {len(prompt) - len(known)} unknown characters of the prompt")
    make_sampling(given(settings))  # report a wrong setting before anything else
    seed = secrets.randbits(32) if seed is None else seed
    if not quiet:
        say(f"seed {seed}")
    options = {"stop": stop, "seed": seed, **given(settings)}
    try:
        if as_json:
            texts = model.generate_many(num_samples, known, length, **options)
            echo_json({"prompt": known, "seed": seed, "samples": texts})
        elif num_samples == 1:
            for piece in itertools.chain(known, model.stream(known, length, **options), "\n"):
                echo_text(piece, end="")
        else:
            for number, text in enumerate(model.generate_many(num_samples, known, length, **options), 1):
                echo_text(f"--- sample {number} of {num_samples} ---\n{known}{text}")
    except ReaderGoneError:
        pass  # it has read as much as it wants


def _read_prompt(prompt: str, quiet: bool) -> str:
    source = STDIN if prompt == STDIN else prompt[len(FILE) :] if prompt.startswith(FILE) else None
    if source is None:
        try:
            prompt.encode()
        except UnicodeEncodeError:
            raise ConfigError("the prompt is not valid text in this terminal's encoding") from None
        return prompt
    if source != STDIN and not Path(source).is_file():
        raise ConfigError(f"the prompt's file '{source}' does not exist")
    reading = read_files([source])
    if not quiet:
        for remark in reading.remarks:
            say(remark)
    return reading.text
