"""Named settings: TOML files whose keys are the settings' names, each with its reason. A user's own file works too.

A recipe may have `[[sizes]]`: settings that override the others for texts with at least `from_characters` characters to
train on, so that a short text does not get a network for a long one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from charrnn.config import known_settings
from charrnn.errors import ConfigError
from charrnn.settings import SHOWN_PATH, check_values, nearest, shown
from charrnn.toml_file import read_toml

FROM = "from_characters"
# The recipe for a budget of at most this many minutes; for networks without experts there is one with this prefix.
BY_MINUTES = {2.0: "quick", 7.0: "good", float("inf"): "best"}
PLAIN = "plain-"


@dataclass(frozen=True)
class Recipe:
    """Settings by name, and those that depend on the length of the text, the shortest first."""

    settings: Mapping[str, Any]
    sizes: tuple[Mapping[str, Any], ...] = ()

    def for_characters(self, characters: int) -> dict[str, Any]:
        """The settings that depend on the length, for a text with this many characters to train on."""
        fitting = [size for size in self.sizes if size[FROM] <= characters]
        return {name: value for name, value in fitting[-1].items() if name != FROM} if fitting else {}


def recipe_names() -> list[str]:
    """The names of the recipes that come with the package."""
    return sorted(f.name[:-5] for f in resources.files(__name__).iterdir() if f.name.endswith(".toml"))


def default_recipe(settings: Mapping[str, Any]) -> str | None:
    """The recipe for a user's choices: that of the cell, else by minutes and experts; None for a cell without one."""
    cell, minutes = settings.get("cell"), settings.get("minutes")
    if cell not in (None, "qrnn"):
        return cell if cell in recipe_names() else None
    name = next(name for limit, name in BY_MINUTES.items() if (minutes or 0.0) <= limit)
    return f"{PLAIN}{name}" if settings.get("ngrams") == "none" else name


def read_recipe(recipe: str) -> Recipe:
    """A recipe, by its name or from a TOML file."""
    words = shown(recipe, SHOWN_PATH)
    if recipe.endswith(".toml"):
        path = Path(recipe)
    elif recipe in recipe_names():
        path = Path(str(resources.files(__name__) / f"{recipe}.toml"))
    else:
        raise ConfigError(f"recipe {words} is neither known nor a .toml file{nearest(recipe, recipe_names())}")
    values = read_toml(path, f"recipe {words}")
    sizes = values.pop("sizes", [])
    if not isinstance(sizes, list) or not all(isinstance(s, dict) and type(s.get(FROM)) is int for s in sizes):
        raise ConfigError(f"recipe {words}: each of [[sizes]] needs a whole number {FROM}")
    known = known_settings()
    checked = [{FROM: s[FROM], **check_values(known, {k: v for k, v in s.items() if k != FROM})} for s in sizes]
    return Recipe(check_values(known, values), tuple(sorted(checked, key=lambda size: size[FROM])))
