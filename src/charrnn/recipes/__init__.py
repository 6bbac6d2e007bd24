"""Named settings: TOML files whose keys are the settings' names, each with its reason. A user's own file works too."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import Any

from charrnn.config import nearest
from charrnn.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(f.name[:-5] for f in resources.files(__name__).iterdir() if f.name.endswith(".toml"))


def read_recipe(recipe: str) -> dict[str, Any]:
    """The settings of a recipe, by its name or from a TOML file."""
    if recipe.endswith(".toml"):
        try:
            content = Path(recipe).read_text("utf-8")
        except (OSError, UnicodeError) as error:
            raise ConfigError(f"cannot read the recipe '{recipe}': {error}") from None
    elif recipe in recipe_names():
        content = (resources.files(__name__) / f"{recipe}.toml").read_text("utf-8")
    else:
        raise ConfigError(f"recipe '{recipe}' is not known{nearest(recipe, recipe_names())}; or name a .toml file")
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"recipe '{recipe}' is not valid TOML: {error}") from None
