"""The settings of a new run: what the user has chosen, over the recipe, over what the length of the text asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from charrnn.batching import BATCHERS
from charrnn.config import BUDGET, TrainConfig, check_values, make_config
from charrnn.nn.cells import CELLS
from charrnn.recipes import FROM, Recipe, default_recipe, read_recipe


@dataclass(frozen=True)
class Choice:
    """What is settled before the text is known, and how it follows the text.

    `chosen` are the user's settings, which go before all others; `config` is checked, so that mistakes are found early.
    """

    chosen: Mapping[str, Any]
    recipe: str | None
    named: Recipe
    config: TrainConfig

    @classmethod
    def of(cls, chosen: Mapping[str, Any], recipe: str | None) -> Choice:
        """The named recipe, or the one that fits what was chosen."""
        recipe = recipe or default_recipe(chosen)
        named = read_recipe(recipe) if recipe else Recipe({})
        config = make_config(chosen, make_config(_beside(chosen, named.settings)))
        for size in named.sizes:  # a mistake in one of them is a mistake, whatever the text
            check_values(TrainConfig, {name: value for name, value in size.items() if name != FROM})
        return cls(chosen, recipe, named, config)

    def for_characters(self, characters: int) -> tuple[TrainConfig, list[str]]:
        """The settings for so many characters to train on, and what there is to say about them."""
        sized = _beside(self.chosen, self.named.for_characters(characters))
        config = make_config({**sized, **self.chosen}, self.config)
        if "dropout" not in self.chosen and config.num_layers == 1 and config.cell in CELLS:
            config = replace(config, dropout=0.0)  # the recipe's drops what passes between layers
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
        windows = 8 if config.batching == "chunked" else 1
        if not self.chosen.keys() & {"seq_len", "chunk_len"}:
            config = replace(config, seq_len=max(1, min(config.seq_len, (characters - 1) // windows)))
        if "batch_size" not in self.chosen:
            config = replace(config, batch_size=max(1, min(config.batch_size, (characters - 1) // config.seq_len)))
        return config


def _beside(chosen: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's settings without what the user's choices replace: the budget as a whole, another rule's numbers."""
    replaced: set[str] = set(chosen)
    if any(chosen.get(name) is not None for name in BUDGET):
        replaced |= set(BUDGET)
    if chosen.get("optimizer", recipe.get("optimizer")) != recipe.get("optimizer"):
        replaced |= {"learning_rate", "beta2"}
    return {name: value for name, value in recipe.items() if name not in replaced}
