"""`charrnn corpora`."""

from __future__ import annotations

from dataclasses import asdict

import click

from charrnn.cli.options import json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.errors import TextError
from charrnn.runs.model_file import MODEL_FILE
from charrnn.settings import nearest
from charrnn.text.library import LIBRARY, MIRROR, fetch, local_path
from charrnn.training.library_model import kept_model


@click.group(
    invoke_without_command=True,
    epilog=f"""\b
Examples:
  charrnn corpora
  charrnn corpora fetch tinyshakespeare
  {MIRROR}=https://example.org/texts charrnn corpora fetch tinyshakespeare
  charrnn corpora fetch tinyshakespeare --from input.txt""",
)
@quiet_option
@json_option
@click.pass_context
def corpora(context: click.Context, quiet: bool, as_json: bool) -> None:
    """List the named texts. One is bundled; the others are downloaded on request and checked.

    "with a model": the cache has one, which `train --init-from NAME` starts from, and trains where there is none.
    """
    context.obj = {"quiet": quiet, "as_json": as_json}
    if context.invoked_subcommand is not None:
        return
    rows = [
        {**asdict(text), "path": str(local_path(text) or "") or None, "model": _model(text.name)}
        for text in LIBRARY.values()
    ]
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        if quiet:
            echo(row["name"])
            continue
        where = "bundled" if row["url"] is None else "downloaded" if row["path"] else "not downloaded"
        where += ", with a model" if row["model"] else ""
        echo(f"{row['name']:<16} {row['characters']:>9,} characters, {row['distinct']:>2} distinct, {where:<28}"
             f"{row['title']} ({row['licence']})")  # fmt: skip


def _model(name: str) -> str | None:
    """Where the model is that `train --init-from NAME` has kept; None if there is none."""
    folder = kept_model(name)
    return str(folder) if (folder / MODEL_FILE).exists() else None


@corpora.command("fetch")
@click.argument("name")
@click.option("--from", "copy", metavar="FILE", help="Use this copy instead of a download.")
@quiet_option
@json_option
@click.pass_obj
def fetch_command(group: dict[str, bool], name: str, copy: str | None, quiet: bool, as_json: bool) -> None:
    """Download the corpus NAME into the cache, or copy it there, and verify its checksum."""
    if name not in LIBRARY:
        raise TextError(f"no corpus is called '{name}'{nearest(name, LIBRARY)}")
    text = LIBRARY[name]
    path = (local_path(text) if copy is None else None) or fetch(text, copy)
    if as_json or group["as_json"]:
        echo_json({"name": name, "path": str(path), "sha256": text.sha256})
    elif not (quiet or group["quiet"]):
        echo(f"{name}: {path}")
