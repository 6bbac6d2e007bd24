"""The settings of a new run: what the user has chosen, over the recipe, over what the length of the text asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from charrnn.batching import BATCHERS
from charrnn.config import BUDGET, TrainConfig, declared, make_config
from charrnn.nn.layers import LAYERS, single_layer_drops
from charrnn.recipes import Recipe, default_recipe, read_recipe
from charrnn.training.optimizers import OPTIMIZERS


@dataclass(frozen=True)
class Choice:
    """What is settled before the text is known, and how it follows the text.

    `chosen` are the user's settings, which go before all others; `config` is checked, so that mistakes are found early.
    """

    chosen: Mapping[str, Any]
    recipe: str | None
    named: Recipe
    config: TrainConfig
    rule: str  # the recipe's optimiser

    @classmethod
    def of(cls, chosen: Mapping[str, Any], recipe: str | None) -> Choice:
        """The named recipe, or the one that fits what was chosen."""
        recipe = recipe or default_recipe(chosen)
        named = read_recipe(recipe) if recipe else Recipe({})
        rule = named.settings.get("optimizer", TrainConfig().optimizer)
        settings = _beside(chosen, named.settings, rule)
        other = OPTIMIZERS.get(chosen.get("optimizer", rule))
        if other and chosen.get("optimizer", rule) != rule:
            settings = {**settings, "learning_rate": other.usual_rate}
        return cls(chosen, recipe, named, make_config(chosen, make_config(settings)), rule)

    def for_characters(self, characters: int) -> tuple[TrainConfig, list[str]]:
        """The settings for so many characters to train on, and what there is to say about them."""
        sized = _beside(self.chosen, {"cell": self.config.cell, **self.named.for_characters(characters)}, self.rule)
        sized.pop("cell", None)
        config = make_config({**sized, **self.chosen}, self.config)
        remarks = []
        if self.recipe:
            words = ", ".join(f"{name} {value}" for name, value in sized.items())
            remarks = [
                f"recipe {self.recipe}" + (f"; for {characters:,} characters to train on: {words}" if words else "")
            ]
        fitted = self._fit_to_text(config, characters)
        if fitted != config:
            remarks.append(
                f"the training split has only {characters:,} characters: batch_size {config.batch_size} → "
                f"{fitted.batch_size}, seq_len {config.seq_len} → {fitted.seq_len}"
            )
        return fitted, remarks

    def _fit_to_text(self, config: TrainConfig, characters: int) -> TrainConfig:
        """Smaller batches and windows for a text too small for the settings; what the user chose is left alone."""
        known = BATCHERS.get(config.batching)
        if known is None or characters >= known.characters_needed(config):
            return config
        windows = known.least_windows
        if not self.chosen.keys() & {"seq_len", *_own_settings("batching")}:
            config = replace(config, seq_len=max(1, min(config.seq_len, (characters - 1) // windows)))
        if "batch_size" not in self.chosen:
            config = replace(config, batch_size=max(1, min(config.batch_size, (characters - 1) // config.seq_len)))
        return config


def _own_settings(kind: str) -> set[str]:
    """The settings that strategies of a kind declare themselves."""
    return {name for name, (of, _, _) in declared().items() if of == kind}


def _beside(chosen: Mapping[str, Any], settings: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """A recipe's settings without what the user's choices replace or make senseless; `rule` is its optimiser."""
    replaced = set(chosen)
    if any(chosen.get(name) is not None for name in BUDGET):
        replaced |= set(BUDGET)  # as a whole
    if chosen.get("optimizer", rule) != rule:
        replaced |= {"learning_rate", "weight_decay", *_own_settings("optimizer")}  # another rule wants other numbers
    if chosen.get("eval_every") is not None:
        replaced |= {"patience"}  # it counts evaluations
    if chosen.get("val_fraction") == 0:
        replaced |= {"patience", "eval_every"}
    cell = chosen.get("cell", settings.get("cell"))
    if chosen.get("num_layers") == 1 and cell in LAYERS and not single_layer_drops(cell):
        replaced |= {"dropout"}  # it drops what passes between layers
    return {name: value for name, value in settings.items() if name not in replaced}
