"""Options that several commands share, and flags made from the fields of a configuration."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from charrnn.errors import ConfigError
from charrnn.text.vocabulary import ON_UNKNOWN

F = TypeVar("F", bound=Callable[..., Any])

quiet_option = click.option("--quiet", is_flag=True, help="No progress and no remarks.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
on_unknown_option = click.option(
    "--on-unknown",
    type=click.Choice(ON_UNKNOWN),
    default="error",
    show_default=True,
    help="What to do with characters that the model's vocabulary lacks.",
)
FIGURE_FORMATS = ("png", "svg", "pdf")
_TYPES = {"int": click.INT, "float": click.FLOAT, "str": click.STRING}


def config_options(
    kind: type, choices: Mapping[str, Sequence[str]] | None = None, by_recipe: Collection[str] = ()
) -> Callable[[F], F]:
    """A flag for every field of a configuration, with its help, its default and its older spellings.

    What stands in `by_recipe` has no default of its own that a user would meet.

    A flag that is not given is left out of the settings, so that recipes and defaults can decide; ranges are checked
    where settings are, with the same message for every caller.
    """

    def decorate(command: F) -> F:
        for field in reversed(dataclasses.fields(kind)):
            names = [field.name, *field.metadata["aliases"]]
            flags = [f"--{name.replace('_', '-')}" for name in names]
            text = field.metadata["help"]
            text = text[0].upper() + text[1:]
            if field.name in by_recipe:
                text += " [default: by the recipe]"
            elif field.default is not None and field.type != "bool":
                text += (
                    f" [default: {field.default:g}]"
                    if isinstance(field.default, float)
                    else f" [default: {field.default}]"
                )
            allowed = (choices or {}).get(field.name) or field.metadata["choices"]
            if field.type == "bool":
                command = click.option(*flags, field.name, is_flag=True, default=None, help=f"{text}.")(command)
            else:
                base = str(field.type).split(" ")[0]
                option_type = click.Choice(list(allowed)) if allowed else _TYPES[base]
                command = click.option(*flags, field.name, type=option_type, default=None, help=f"{text}.")(command)
        return command

    return decorate


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given."""
    return {name: value for name, value in settings.items() if value is not None}


def check_figure(path: Path) -> str:
    """The format that a figure's file name asks for."""
    file_format = path.suffix[1:].lower()
    if file_format not in FIGURE_FORMATS:
        endings = ", .".join(FIGURE_FORMATS)
        raise ConfigError(f"'{path}' does not end in one of .{endings}, which decides the figure's format")
    return file_format


def echo_json(values: Any) -> None:
    click.echo(json.dumps(values, ensure_ascii=False))
