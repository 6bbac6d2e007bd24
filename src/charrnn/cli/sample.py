"""`charrnn sample`."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import config_options, given, json_option, on_unknown_option, quiet_option
from charrnn.cli.output import ReaderGoneError, echo_json, echo_text, say
from charrnn.cli.user_function import user_function
from charrnn.errors import CharRNNError, ConfigError
from charrnn.generation.documents import Document, Written, write_documents
from charrnn.generation.filters import GREEDY, make_sampling, sampling_settings
from charrnn.generation.many import LANES
from charrnn.language_model import LanguageModel, load
from charrnn.text.labels import symbol
from charrnn.text.reading import STDIN, read_files
from charrnn.training.own_text import training_documents

FILE = "FILE:"


@click.command(
    epilog="""\b
Examples:
  charrnn sample runs/book-qrnn
  charrnn sample runs/book-qrnn --prompt "The clock" --temperature 0.7 --top-p 0.9 --seed 1
  charrnn sample model.safetensors --prompt FILE:opening.txt --length 2000
  charrnn sample runs/book-qrnn --num-samples 5 --stop "." --length 200
  charrnn sample runs/names-qrnn --num-samples 1000 --new --unique > names.txt
  charrnn sample runs/surnames-qrnn --num-samples 20 --label Irish"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--prompt",
    "--start-text",
    "--prime-text",
    default="",
    help="Text to continue; FILE:path or - (standard input) reads it.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="The encoding of a prompt's file.")
@click.option(
    "--length", type=click.IntRange(0), default=500, show_default=True, help="Characters to generate after the prompt."
)
@config_options({**sampling_settings(), GREEDY.name: GREEDY})
@click.option("--stop", multiple=True, metavar="STRING", help="Stop before this string; may be repeated.")
@click.option(
    "--num-samples", type=click.IntRange(1), default=1, show_default=True, help="Samples to generate, side by side."
)
@click.option("--label", help="Write documents with this label [default: drawn for each].")
@click.option("--new", "only_new", is_flag=True, help="Write only new documents: equal to no training document.")
@click.option("--unique", "only_distinct", is_flag=True, help="Write each document only once.")
@click.option("--valid", metavar="MODULE:FUNCTION", help="Count the documents that your function accepts.")
@click.option("--only-valid", is_flag=True, help="With --valid, write only accepted documents.")
@click.option("--jsonl", is_flag=True, help="Print a JSON object for each document.")
@click.option(
    "--seed", type=click.IntRange(0), help="The same seed gives the same text [default: a new seed each time]."
)
@on_unknown_option
@quiet_option
@json_option
def sample(
    run: Path,
    prompt: str,
    encoding: str,
    length: int,
    stop: tuple[str, ...],
    num_samples: int,
    label: str | None,
    only_new: bool,
    only_distinct: bool,
    valid: str | None,
    only_valid: bool,
    jsonl: bool,
    seed: int | None,
    on_unknown: str,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Generate text with the model of RUN.

    RUN is a run folder or a model.safetensors file. A single sample is printed as it is generated. The prompt is
    printed before it and does not count towards --length.

    A model of documents (train --documents) writes --num-samples documents, one a line, each to its end. It reports how
    many are distinct, how many are new (equal to no training document), how many the function of --valid accepts, and
    how many were cut at --length. That function gets the text of one document. --label, --new, --unique, --valid and
    --jsonl are for such models only.
    """
    model = load(run)
    prompt = model.vocabulary.mend(_read_prompt(prompt, encoding, quiet))
    known = model.vocabulary.decode(model.vocabulary.encode(prompt, on_unknown))
    if known != prompt and not quiet:
        say(f"skipped {len(prompt) - len(known)} unknown characters of the prompt")
    if label is not None:
        symbol(model.labels, label)
    make_sampling(given(settings))  # report a wrong setting before anything else
    seed = secrets.randbits(32) if seed is None else seed
    if not quiet:
        say(f"seed {seed}")
    options = {"stop": stop, "seed": seed, "label": label, **given(settings)}
    if not model.vocabulary.documents and (only_new or only_distinct or valid or jsonl):
        raise ConfigError(
            "--new, --unique, --valid and --jsonl are for a model of documents: train it with --documents"
        )
    if only_valid and not valid:
        raise ConfigError("--only-valid has no effect without --valid MODULE:FUNCTION")
    accepts = user_function("--valid", valid) if valid else None
    try:
        if model.vocabulary.documents:
            training = _training_documents(model, run, only_new)
            written = Written(training, accepts, only_new, only_distinct, only_valid)

            def write(numbers: Sequence[int]) -> Iterator[tuple[str, bool]]:
                lanes = min(LANES, num_samples)
                texts = model.write_stream(numbers, known, length, lanes=lanes, **options)
                return ((known + text, ended) for text, ended in texts)

            documents = write_documents(num_samples, write, written)
            _print_documents(
                documents, written, num_samples, seed, "json" if as_json else "jsonl" if jsonl else "", quiet
            )
            return
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


def _training_documents(model: LanguageModel, run: Path, needed: bool) -> frozenset[str] | None:
    """The documents that the model was trained on; None if they cannot be found, and are not needed."""
    try:
        return training_documents(model, run)
    except CharRNNError as error:
        if needed:
            raise ConfigError(f"--new compares with the training documents, and cannot find them: {error}") from None
        return None


def _print_documents(
    documents: Iterator[Document], written: Written, wanted: int, seed: int, form: str, quiet: bool
) -> None:
    """Documents one a line, as soon as they are written, and what was counted."""
    texts: list[str] = []
    for document in documents:
        texts.append(document.text)
        if form == "json":
            continue
        if form == "jsonl" or "\n" in document.text:
            text = json.dumps(document.text, ensure_ascii=False).replace("\x7f", "\\u007f")
            number = document.number
            echo_text(
                f'{{"text": {text}, "number": {number}, "ended": {json.dumps(document.ended)}}}' if form else text
            )
        else:
            echo_text(document.text)
    if form == "json":
        counts: dict[str, int | None] = {
            "distinct": written.distinct,
            "new": written.new,
            "cut": written.cut,
            "written": written.documents,
        }
        if written.valid is not None:
            counts["valid"] = written.valid
        echo_json({"seed": seed, "samples": texts, **counts})
    if quiet:
        return
    new = "" if written.new is None else f", {written.new:,} new"
    valid = "" if written.valid is None else f", {written.valid:,} valid"
    found = (
        f"{written.documents:,} document{'s' * (written.documents != 1)} written: {written.distinct:,} distinct{new}"
        f"{valid}, {written.cut:,} cut at --length"
    )
    short = f"; only {len(texts):,} of {wanted:,} were wanted ones" if len(texts) < wanted else ""
    say(f"{found}{short}")


def _read_prompt(prompt: str, encoding: str, quiet: bool) -> str:
    source = STDIN if prompt == STDIN else prompt[len(FILE) :] if prompt.startswith(FILE) else None
    if source is None:
        try:
            prompt.encode()
        except UnicodeEncodeError:
            raise ConfigError("the prompt is not valid text in this terminal's encoding") from None
        return prompt
    if source != STDIN and not Path(source).is_file():
        raise ConfigError(f"the prompt's file '{source}' does not exist")
    reading = read_files([source], encoding)
    if not quiet:
        for remark in reading.remarks:
            say(remark)
    return reading.text
