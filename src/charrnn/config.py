"""Every setting, once: name, default, range and help. Command-line flags, keywords and files follow these fields."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from charrnn.errors import ConfigError


@dataclass(frozen=True)
class ModelConfig:
    """What a network is: enough to know the name and shape of every parameter."""

    vocab_size: int
    cell: str = "rnn"
    hidden_size: int = 256
    num_layers: int = 1
    dropout: float = 0.0  # between layers, while training


def setting(
    default: Any,
    group: str,
    help: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that knows its range, its help text and the older spellings of its name."""
    metadata = {
        "group": group, "help": help, "least": least, "above": above, "most": most, "below": below,
        "choices": choices, "aliases": aliases,
    }  # fmt: skip
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training run. Build one with `make_config`, which checks names, types and ranges."""

    # fmt: off
    cell: str = setting("rnn", "model", "the kind of recurrent cell or layer")
    hidden_size: int = setting(256, "model", "units in each layer", least=1, aliases=("rnn_size",))
    num_layers: int = setting(1, "model", "recurrent layers, one above the other", least=1)
    dropout: float = setting(0.0, "model", "share of the numbers dropped while training, between layers or in "
                             "the branches of a residual layer", least=0,
                             below=1)

    batching: str = setting("sequential", "data", "how training sequences are ordered")
    chunk_len: int | None = setting(None, "data", "characters in a chunk, with --batching chunked; a multiple of "
                                     "seq_len [default: 8 x seq_len]", least=1)
    seq_len: int = setting(64, "data", "characters in a window: how far back gradients flow", least=1,
                            aliases=("seq_length",))
    batch_size: int = setting(16, "data", "windows read side by side in each step", least=1)
    val_fraction: float = setting(0.1, "data", "share of the text, at its end, kept for validation", least=0, below=1)
    test_fraction: float = setting(0.0, "data", "share of the text, after the validation part, kept for a test",
                                    least=0, below=1)
    encoding: str = setting("utf-8", "data", "how the bytes of the text files are read")

    epochs: float | None = setting(None, "budget", "stop after this many passes over the training text", above=0,
                                    most=1e9,
                                    aliases=("max_epochs",))
    steps: int | None = setting(None, "budget", "stop after this many optimiser steps", least=1,
                                 aliases=("max_iters",))
    minutes: float | None = setting(None, "budget", "stop after this many minutes of training", above=0)

    optimizer: str = setting("adam", "optimiser", "how a gradient becomes a step")
    learning_rate: float = setting(0.003, "optimiser", "step size; by optimiser, for a start: adam and rmsprop 0.003, "
                                   "adagrad and sgd 0.03", above=0)
    schedule: str = setting("cosine", "optimiser", "how the learning rate falls towards the end of the budget")
    warmup_steps: int = setting(100, "optimiser", "steps over which the learning rate rises at the start", least=0)
    beta2: float | None = setting(None, "optimiser", "how slowly adam and rmsprop forget the size of past gradients "
                                  "[default: adam 0.999, rmsprop 0.99]", least=0, below=1)
    weight_decay: float = setting(0.0, "optimiser", "decoupled weight decay (AdamW, with adam)", least=0)
    grad_clip: float = setting(1.0, "optimiser", "largest global norm of the gradient; 0 = off", least=0)

    log_every: int = setting(50, "watching", "steps between records in metrics.jsonl", least=1)
    eval_every: int | None = setting(None, "watching", "steps between evaluations [default: by the size of the text]",
                                      least=1)
    sample_every: int | None = setting(None, "watching", "steps between samples [default: about five in a run, or 1000 "
                                       "with --minutes]", least=1)
    patience: int | None = setting(None, "watching", "stop after this many evaluations without a better one; 0 = off",
                                   least=0)

    seed: int = setting(0, "run", "decides initialisation, batches and samples", least=0)
    dtype: str = setting("float32", "run", "precision of all arithmetic", choices=("float32", "float64"))
    threads: int = setting(1, "run", "threads of the linear algebra library", least=1)
    checkpoint_minutes: float = setting(2.0, "run", "minutes between checkpoints", above=0)
    # fmt: on


BUDGET = ("epochs", "steps", "minutes")
# What a resumed run may change: how long it goes on, and how it is watched.
MAY_CHANGE = frozenset({*BUDGET, "eval_every", "sample_every", "patience", "threads", "checkpoint_minutes"})
DEFAULT_STEPS = 3000  # the budget where neither the user nor a recipe gives one


def make_config(values: Mapping[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """A checked configuration: `values` over `base` (the defaults unless given).

    Raises
    ------
    ConfigError
        A name is unknown, or a value has the wrong type or is out of range.
    """
    config = replace(base or TrainConfig(), **check_values(TrainConfig, values))
    if config.val_fraction + config.test_fraction >= 1:
        raise ConfigError(
            f"val_fraction {config.val_fraction:g} + test_fraction {config.test_fraction:g} leave nothing to train "
            "on: together they must stay below 1"
        )
    if config.chunk_len is not None and config.batching != "chunked":
        raise ConfigError(
            f"chunk_len {config.chunk_len} has no effect with batching '{config.batching}': add --batching chunked"
        )
    for name in ("eval_every", "patience"):
        if config.val_fraction == 0 and getattr(config, name):
            raise ConfigError(f"{name} {getattr(config, name)} has nothing to evaluate with val_fraction 0")
    if config.chunk_len is not None and config.chunk_len % config.seq_len:
        windows = max(1, round(config.chunk_len / config.seq_len))
        raise ConfigError(
            f"chunk_len {config.chunk_len} is not a multiple of seq_len {config.seq_len}: "
            f"{windows * config.seq_len} would be {windows} windows"
        )
    return config


def nearest(name: str, known: Collection[str]) -> str:
    """', did you mean …?' for a misspelled name, else the list of what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f": did you mean '{close[0]}'?" if close else f": choose from {', '.join(known)}"


def check_values(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under their proper names and in their declared types, each checked against its field of a dataclass."""
    known = {f.name: f for f in fields(kind)}
    spelled = {alias: f.name for f in known.values() for alias in f.metadata["aliases"]}
    checked: dict[str, Any] = {}
    for given, value in values.items():
        name = spelled.get(given, given)
        if name not in known:
            raise ConfigError(f"no setting is called '{given}'{nearest(given, known)}")
        checked[name] = check_value(name, value, str(known[name].type), known[name].metadata)
    return checked


def check_value(name: str, value: Any, kind: str, limits: Mapping[str, Any]) -> Any:
    """The value in its declared type, if it is in range."""
    if value is None:
        if "None" in kind:
            return None
        raise ConfigError(f"{name} needs a value")
    if kind.startswith("int"):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise ConfigError(f"{name} must be a whole number, not {value!r}")
        value = int(value)  # NumPy's integers, too
    elif kind.startswith("float"):
        try:
            number = math.nan if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)
        except OverflowError:
            raise ConfigError(f"{name} must be a finite number, not one of {len(str(value)):,} digits") from None
        if not math.isfinite(number):
            raise ConfigError(f"{name} must be a finite number, not {value!r}")
        value = number
    elif kind == "bool":
        if not isinstance(value, bool):
            raise ConfigError(f"{name} must be true or false, not {value!r}")
    elif not isinstance(value, str):
        raise ConfigError(f"{name} must be text, not {value!r}")
    limits = {"choices": (), "least": None, "above": None, "most": None, "below": None, **limits}
    if limits["choices"] and value not in limits["choices"]:
        raise ConfigError(f"{name} '{value}' is not known{nearest(value, limits['choices'])}")
    if limits["least"] is not None and value < limits["least"]:
        raise ConfigError(f"{name} {value} is too small: it must be at least {limits['least']:g}")
    if limits["above"] is not None and value <= limits["above"]:
        raise ConfigError(f"{name} {value} is too small: it must be above {limits['above']:g}")
    if limits["most"] is not None and value > limits["most"]:
        raise ConfigError(f"{name} {value} is too large: it may be at most {limits['most']:g}")
    if limits["below"] is not None and value >= limits["below"]:
        raise ConfigError(f"{name} {value} is too large: it must be below {limits['below']:g}")
    return value
