"""The settings of a run: the user's choices override the recipe, and the recipe what suits the length of the text.

A resumed run keeps its settings, except for a few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from charrnn.batching import BATCHERS
from charrnn.config import BUDGET, MAY_CHANGE, TrainConfig, declared, make_config
from charrnn.errors import ConfigError
from charrnn.nn.layers import LAYERS, single_layer_drops
from charrnn.recipes import Recipe, default_recipe, read_recipe
from charrnn.training.optimizers import OPTIMIZERS

OF_DOCUMENTS = {"batching": "documents"}  # what suits a list, whatever the recipe says


class ResolvedSettings(NamedTuple):
    config: TrainConfig
    recipe: str | None
    remarks: tuple[str, ...]  # what the recipe and the length of the text have changed


def resolve(
    chosen: Mapping[str, Any],
    recipe: str | None,
    characters: int | None = None,
    start: Mapping[str, Any] | None = None,
    counted: bool = False,
) -> ResolvedSettings:
    """The settings for a text with `characters` to train on; without them, those that hold for every text.

    Parameters
    ----------
    chosen : mapping
        The user's settings, which override all others.
    recipe : str, optional
        The name of a recipe, or its file; by default the recipe that fits what is chosen.
    start : mapping, optional
        The settings of a run that starts from a model, with those that are chosen: they replace a recipe.
    counted : bool
        Whether that model has counts. Its network then gets the dropout that suits the text.

    Raises
    ------
    ConfigError
        The recipe or a setting is not known, is out of range, or contradicts another.
    """
    if start is not None:
        if recipe is not None:
            raise ConfigError(f"recipe {recipe} and init_from both decide the settings: leave one of them out")
        config = make_config(start)
        if counted and characters is not None and "dropout" not in chosen:
            config = replace(config, dropout=max(config.dropout, _usual_dropout(config, characters)))
        return _fitted(config, chosen, characters, None, [])
    if chosen.get("documents") is not None:
        chosen = {**OF_DOCUMENTS, **chosen}
    recipe = recipe or default_recipe(chosen)
    named = read_recipe(recipe) if recipe else Recipe({})
    rule = named.settings.get("optimizer", TrainConfig().optimizer)
    settings = _beside(chosen, named.settings, rule)
    chosen_rule = chosen.get("optimizer", rule)
    if chosen_rule != rule and chosen_rule in OPTIMIZERS:
        settings["learning_rate"] = OPTIMIZERS[chosen_rule].usual_rate
    config = make_config(chosen, make_config(settings))
    if characters is None:
        return ResolvedSettings(config, recipe, ())
    sized = _beside(chosen, {"cell": config.cell, **named.for_characters(characters)}, rule)
    sized.pop("cell", None)
    config = make_config({**sized, **chosen}, config)
    remarks = []
    if recipe:
        words = ", ".join(f"{name} {value}" for name, value in sized.items())
        remarks = [f"recipe {recipe}" + (f"; for {characters:,} characters to train on: {words}" if words else "")]
    return _fitted(config, chosen, characters, recipe, remarks)


def _usual_dropout(config: TrainConfig, characters: int) -> float:
    """The dropout of the recipe for such a network, on a text with `characters` to train on."""
    name = default_recipe({"cell": config.cell, "ngrams": config.ngrams})
    if name is None or (config.num_layers == 1 and not single_layer_drops(config.cell)):
        return 0.0
    recipe = read_recipe(name)
    return float({**recipe.settings, **recipe.for_characters(characters)}.get("dropout", 0.0))


def _fitted(
    config: TrainConfig, chosen: Mapping[str, Any], characters: int | None, recipe: str | None, remarks: list[str]
) -> ResolvedSettings:
    """The settings with batches that the text can fill, and a remark if they had to change."""
    fitted = config if characters is None else _fit_to_text(config, chosen, characters)
    if fitted != config:
        remarks.append(
            f"the training split has only {characters:,} characters: batch_size {config.batch_size} → "
            f"{fitted.batch_size}, seq_len {config.seq_len} → {fitted.seq_len}"
        )
    return ResolvedSettings(fitted, recipe, tuple(remarks))


def resumed_config(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """The configuration of a resumed run. A new budget replaces the old one as a whole.

    Raises
    ------
    ConfigError
        A change of a setting that the run keeps.
    """
    new = make_config(changes, config)
    after = new.as_dict()
    for name, value in config.as_dict().items():
        if name not in MAY_CHANGE and after[name] != value:
            raise ConfigError(
                f"a resumed run keeps its {name} {value!r} (asked for: {after[name]!r}); "
                f"only {', '.join(sorted(MAY_CHANGE))} may change"
            )
    if new.learning_rate > config.learning_rate:
        raise ConfigError(
            f"a resumed run may only lower its learning_rate {config.learning_rate:g} (asked for: "
            f"{new.learning_rate:g})"
        )
    if any(changes.get(name) is not None for name in BUDGET):
        new = replace(new, **{name: None for name in BUDGET if changes.get(name) is None})  # type: ignore[arg-type]
    return new


def _fit_to_text(config: TrainConfig, chosen: Mapping[str, Any], characters: int) -> TrainConfig:
    """Smaller batches and windows for a text too small for the settings; the user's choices stay as they are."""
    batcher = BATCHERS[config.batching]
    if characters >= batcher.characters_needed(config):
        return config
    if not chosen.keys() & {"seq_len", *_own_settings("batching")}:
        config = replace(config, seq_len=max(1, min(config.seq_len, (characters - 1) // batcher.least_windows)))
    if "batch_size" not in chosen:
        config = replace(config, batch_size=max(1, min(config.batch_size, (characters - 1) // config.seq_len)))
    return config


def _own_settings(kind: str) -> set[str]:
    """The settings that strategies of a kind declare themselves."""
    return {name for name, (of, _, _) in declared().items() if of == kind}


def _beside(chosen: Mapping[str, Any], settings: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """A recipe's settings without those that the user's choices replace or make senseless; `rule` is its optimiser."""
    replaced = set(chosen)
    if any(chosen.get(name) is not None for name in BUDGET):
        replaced |= set(BUDGET)  # as a whole
    if chosen.get("optimizer", rule) != rule:
        replaced |= {"learning_rate", "weight_decay", *_own_settings("optimizer")}  # another rule needs other numbers
    if chosen.get("eval_every") is not None:
        replaced |= {"patience"}  # it counts evaluations
    if chosen.get("val_fraction") == 0:
        replaced |= {"patience", "eval_every"}
    cell = chosen.get("cell", settings.get("cell"))
    if chosen.get("num_layers") == 1 and cell in LAYERS and not single_layer_drops(cell):
        replaced |= {"dropout"}  # it drops what passes between layers
    return {name: value for name, value in settings.items() if name not in replaced}
