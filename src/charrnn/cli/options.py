"""Options that several commands share, and flags made from the fields of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from charrnn.errors import ConfigError
from charrnn.settings import Setting
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


def config_options(known: Mapping[str, Setting], by_recipe: Collection[str] = ()) -> Callable[[F], F]:
    """A flag for each setting, with its help, its default and its older spellings.

    Settings in `by_recipe` show no default: the recipe decides. A flag that is not given is left out of the settings:
    recipes and defaults decide it. `Setting.check` checks ranges, with the same message for every caller.
    """

    def decorate(command: F) -> F:
        for name, setting in reversed(list(known.items())):
            flags = [f"--{spelling.replace('_', '-')}" for spelling in (name, *setting.aliases)]
            text = setting.help[0].upper() + setting.help[1:]
            if name in by_recipe:
                text += " [default: by the recipe]"
            elif setting.default is not None and setting.kind != "bool":
                default = f"{setting.default:g}" if isinstance(setting.default, float) else setting.default
                text += f" [default: {default}]"
            how: dict[str, Any] = {"is_flag": True}
            if setting.kind != "bool":
                kind = "str" if setting.word else setting.kind
                how = {"type": click.Choice(list(setting.choices)) if setting.choices else _TYPES[kind]}
            command = click.option(*flags, name, default=None, help=f"{text}.", **how)(command)
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
        raise ConfigError(f"'{path}' does not name a figure's format: end the name in one of .{endings}")
    return file_format
