"""The specification of a sweep, from a TOML file or a mapping; everything in it is checked before anything runs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.errors import CharRNNError, ConfigError
from charrnn.recipes import read_recipe
from charrnn.settings import SHOWN_PATH, check_path, check_value, nearest, shown
from charrnn.sweeps.samplers import METHODS
from charrnn.sweeps.space import RECIPE, Range, Search, check_setting, dimension
from charrnn.text.library import LIBRARY
from charrnn.text.reading import STDIN
from charrnn.toml_file import read_toml

KEYS = ("text", "method", "trials", "seeds", "seed", "pruning", "settings", "search", "slurm")
OF_THE_TEXT = ("documents", "label", "unique", "val", "test")  # what decides which documents or characters validate
FILES = ("val", "test", "init_from")  # settings that name a file or folder
MOST_SETTINGS = 100_000
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Spec:
    """A sweep: the text to train on, the settings to search and the method of search.

    Attributes
    ----------
    text : tuple of str
        Files by their full paths, or the name of a library text; empty for the bundled novel.
    trials : int, optional
        The number of settings to try, for the methods that choose them.
    seeds : tuple of int
        Each setting is trained with each of these.
    seed : int
        Decides which settings are tried.
    """

    text: tuple[str, ...]
    method: str
    trials: int | None
    seeds: tuple[int, ...]
    seed: int
    pruning: bool
    settings: Mapping[str, Any]
    search: Search
    slurm: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Everything that decides the results; not where the runs are run."""
        return {
            "text": list(self.text), "method": self.method, "trials": self.trials, "seeds": list(self.seeds),
            "seed": self.seed, "pruning": self.pruning, "settings": dict(self.settings),
            "search": {name: each.as_json() for name, each in self.search.items()}, "recipes": self._recipes(),
        }  # fmt: skip

    def _recipes(self) -> dict[str, Any]:
        """The content of the recipes now: their files may change."""
        fixed = (self.settings[RECIPE],) if RECIPE in self.settings else ()
        names: tuple[Any, ...] = self.search[RECIPE].values if RECIPE in self.search else fixed
        recipes = {name: read_recipe(name) for name in names}
        return {
            k: {"settings": dict(r.settings), "sizes": [dict(size) for size in r.sizes]} for k, r in recipes.items()
        }


def read_spec(path: str | Path) -> Spec:
    """The specification in a TOML file; the files that it names are looked for in its folder."""
    path = check_path("spec", path)
    name = f"sweep {shown(str(path), SHOWN_PATH)}"
    values = read_toml(path, name)
    try:
        return make_spec(values, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def make_spec(values: Mapping[str, Any], folder: Path | None = None) -> Spec:
    """A checked specification from plain values.

    Parameters
    ----------
    values : mapping
        As in a specification's TOML file.
    folder : Path, optional
        Where files without a full path are looked for; the current folder by default.

    Raises
    ------
    ConfigError
        A key, a name or a value does not fit.
    """
    folder = Path(os.path.realpath(folder or ""))  # which resolves a loop of links, too
    for key in values:
        if key not in KEYS:
            raise ConfigError(f"there is no key {shown(key)}{nearest(key, KEYS)}")
    tables = {name: values.get(name, {}) for name in ("settings", "search", "slurm")}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(f"{name} must be a table, not {shown(table)}")
        if RECIPE in table:
            tables[name] = {**table, RECIPE: _recipe(table[RECIPE], folder)}
    if text_wide := next((setting for setting in OF_THE_TEXT if setting in tables["search"]), None):
        raise ConfigError(f"search.{text_wide} would compare losses of different texts: it belongs in [settings]")
    files = {name: value for name, value in tables["settings"].items() if name in FILES and isinstance(value, str)}
    if files.get("init_from") in LIBRARY and not (folder / files["init_from"]).exists():
        del files["init_from"]  # the model of a library text
    tables["settings"] = {**tables["settings"], **{name: str(folder / value) for name, value in files.items()}}
    name = check_value("method", values.get("method", "grid"), "str", choices=tuple(METHODS))
    method = METHODS[name]
    search = dict(_checked("search", tables["search"], dimension))
    settings = dict(_checked("settings", tables["settings"], check_setting))
    for searched in search:
        if searched in settings:
            raise ConfigError(f"{searched} stands in [settings] and in [search]: leave one out")
    if not search:
        raise ConfigError("there is nothing to search: give a table [search], such as hidden_size = [64, 128]")
    if not method.counts_trials:
        _check_grid(search, values)
    elif values.get("trials") is None:
        raise ConfigError(f"method '{name}' needs the number of settings to try, as in trials = 20")
    if not method.prunes and "pruning" in values:
        others = " or ".join(f"'{name}'" for name, each in METHODS.items() if each.prunes)
        raise ConfigError(f"pruning has no effect with method '{name}': it goes with method {others}")
    return Spec(
        _sources(values.get("text", ()), folder),
        name,
        check_value("trials", values.get("trials"), "int | None", least=1, most=MOST_SETTINGS),
        _seeds(values.get("seeds", [0])),
        check_value("seed", values.get("seed", 0), "int", least=0),
        check_value("pruning", values.get("pruning", method.prunes), "bool"),
        settings,
        search,
        dict(tables["slurm"]),
    )


def _checked(table: str, values: Mapping[str, Any], check: Any) -> Iterator[tuple[str, Any]]:
    """Proper names and checked values of a table; errors begin with its name."""
    seen: dict[str, str] = {}
    for given, value in values.items():
        if given == "seed":
            raise ConfigError(
                f"{table}.seed cannot be set: list the seeds of the runs above the tables, as in seeds = [0, 1]"
            )
        try:
            name, checked = check(given, value)
        except CharRNNError as error:
            raise ConfigError(
                f"{table}.{error}" if str(error).startswith(shown(given).strip("'")) else f"{table}: {error}"
            ) from None
        if name in seen:
            raise ConfigError(f"{table}: {seen[name]} and {given} are the same setting")
        seen[name] = given
        yield name, checked


def _recipe(wanted: Any, folder: Path) -> Any:
    """Recipes in files by their full paths."""
    if isinstance(wanted, list | tuple):
        return [each if isinstance(each, list) else _recipe(each, folder) for each in wanted]
    return str(folder / wanted) if isinstance(wanted, str) and wanted.endswith(".toml") else wanted


def _check_grid(search: Search, values: Mapping[str, Any]) -> None:
    for name, each in search.items():
        if isinstance(each, Range) and each.step is None:
            raise ConfigError(f"search.{name}: a grid needs a list of values, or a range with a step")
    count = math.prod(each.size for each in search.values())
    if count > MOST_SETTINGS:
        raise ConfigError(f"the grid has {count:,.0f} settings, more than {MOST_SETTINGS:,}: search by method 'random'")
    if values.get("trials") is not None:
        raise ConfigError(f"trials {shown(values['trials'])} has no effect: the grid has {count:,.0f} settings")


def _seeds(wanted: Any) -> tuple[int, ...]:
    if not isinstance(wanted, Sequence) or isinstance(wanted, str) or not wanted:
        raise ConfigError(f"seeds must be a list of whole numbers, such as [0, 1, 2], not {shown(wanted)}")
    if len(wanted) > MOST_SEEDS:
        raise ConfigError(f"seeds has {len(wanted):,} values: give at most {MOST_SEEDS:,}")
    seeds = tuple(check_value("seeds", seed, "int", least=0) for seed in wanted)
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds {shown(list(seeds))} lists one twice")
    return seeds


def _sources(wanted: Any, folder: Path) -> tuple[str, ...]:
    sources = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    if isinstance(wanted, list) and not wanted:
        raise ConfigError("text is an empty list: name a file, or leave it out")
    for source in sources:
        if not isinstance(source, str) or not source or "\0" in source:
            raise ConfigError(f"text must be a file's name or a list of them, not {shown(wanted)}")
        if source == STDIN:
            raise ConfigError("text '-': the runs of a sweep cannot share standard input: write it to a file")
    if len(sources) == 1 and sources[0] in LIBRARY and not os.path.exists(folder / sources[0]):
        return (sources[0],)
    return tuple(os.path.realpath(folder / source) for source in sources)
