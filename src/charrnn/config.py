"""The settings of a network and of a training run. `charrnn.settings` says what follows from a field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from charrnn.errors import ConfigError
from charrnn.settings import Setting, check_values, setting, settings_of

AUTO = "auto"
BOUNDARY_ID = 0  # of what stands between documents, in a vocabulary that has it
BOUNDARY = "\0"  # that symbol: no text holds it, since the reader refuses it, and no prompt may


@dataclass(frozen=True)
class ModelConfig:
    """The settings of a network, from which the name and shape of every parameter follow."""

    vocab_size: int
    cell: str = "rnn"
    hidden_size: int = 256
    num_layers: int = 1
    dropout: float = 0.0  # between layers, while training
    num_experts: int = 0  # count models that the network knows
    documents: bool = False  # id BOUNDARY_ID stands between documents: the state is zero wherever the input is that


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training run. Build one with `make_config`, which checks names, types and ranges."""

    # fmt: off
    cell: str = setting("rnn", "model", "the kind of recurrent cell or layer")
    hidden_size: int = setting(256, "model", "units in each layer", least=1, most=1 << 20, aliases=("rnn_size",))
    num_layers: int = setting(1, "model", "recurrent layers, one above the other", least=1, most=1000)
    dropout: float = setting(0.0, "model", "share of the numbers dropped while training, between layers or in "
                             "the branches of a residual layer", least=0,
                             below=1)

    ngrams: str = setting("none", "model", "count models that the network knows: none, auto (the last characters and "
                          "the last words), or adapting (for evaluation with --in-context or --dynamic)")

    init_from: str | None = setting(None, "model", "start from this run or model file, or from a model of this library "
                                    "text: its network and settings, its characters and those of the text")
    freeze_layers: int = setting(0, "model", "with --init-from, number of lowest layers that do not learn, except for "
                                 "new characters", least=0, most=1000)

    mix_old: float = setting(0.0, "data", "with --init-from RUN, share of each batch's lanes that read the text of "
                             "that run", least=0, below=1)

    documents: str | None = setting(None, "data", "the text is a list of documents, each read from a zero state: "
                                    "lines, paragraphs, files, jsonl:FIELD or csv:COLUMN")
    label: str | None = setting(None, "data", "with --documents, where the label of each is: csv:COLUMN, jsonl:FIELD "
                                "or tsv (each line is a label, a tab and a text)")
    unique: bool = setting(False, "data", "with --documents, drop repeated documents")
    batching: str = setting("sequential", "data", "how training sequences are ordered")
    seq_len: int = setting(64, "data", "characters in a window: how far back gradients flow", least=1,
                            aliases=("seq_length",))
    batch_size: int = setting(16, "data", "windows read side by side in each step", least=1)
    val_fraction: float = setting(0.1, "data", "share of the text, at its end, kept for validation", least=0, below=1)
    test_fraction: float = setting(0.0, "data", "share of the text, after the validation part, kept for testing",
                                    least=0, below=1)
    val: str | None = setting(None, "data", "a file to validate on, instead of a part of the text")
    test: str | None = setting(None, "data", "a file to test on, instead of a part of the text")
    encoding: str = setting("utf-8", "data", "the character encoding of the text files")

    epochs: float | None = setting(None, "budget", "stop after this many passes over the training text", above=0,
                                    most=1e9,
                                    aliases=("max_epochs",))
    steps: int | None = setting(None, "budget", "stop after this many optimiser steps", least=1,
                                 aliases=("max_iters",))
    minutes: float | None = setting(None, "budget", "stop after this many minutes of training", above=0,
                                     most=1e9)

    optimizer: str = setting("adam", "optimiser", "the rule that turns a gradient into an update")
    learning_rate: float = setting(0.003, "optimiser", "step size; to start with, 0.003 for adam and rmsprop, 0.03 for "
                                   "adagrad and sgd", above=0)
    schedule: str = setting("cosine", "optimiser", "how the learning rate falls towards the end of the budget")
    warmup_steps: int = setting(100, "optimiser", "steps over which the learning rate rises at the start", least=0)
    weight_decay: float = setting(0.0, "optimiser", "decoupled weight decay (AdamW, with adam)", least=0)
    grad_clip: float = setting(1.0, "optimiser", "largest global norm of the gradient; 0 = off", least=0)

    log_every: int = setting(50, "watching", "steps between records in metrics.jsonl", least=1)
    eval_every: int | None = setting(None, "watching", "steps between evaluations [default: by the size of the text]",
                                      least=1)
    sample_every: int | None = setting(None, "watching", "steps between samples [default: about five in a run, or 1000 "
                                       "with --minutes]", least=1)
    patience: int | None = setting(None, "watching", "stop after this many evaluations without a better loss; 0 = off",
                                   least=0)

    seed: int = setting(0, "run", "decides initialisation, batches and samples", least=0)
    dtype: str = setting("float32", "run", "precision of all arithmetic", choices=("float32", "float64"))
    threads: int = setting(1, "run", "threads of the linear algebra library", least=1, most=4096)
    kernels: str = setting(AUTO, "run", "code that computes the network: c (compiled), numpy, or auto (c where it is "
                           "built)", choices=(AUTO, "numpy", "c"))
    workers: int | str = setting(AUTO, "run", "threads that share each step, a number or auto; they change only how "
                                 "long it takes", kind="int", word=AUTO, least=1, most=256)
    checkpoint_minutes: float = setting(2.0, "run", "minutes between checkpoints", above=0, most=1e9)
    # fmt: on
    own: Mapping[str, Any] = field(default_factory=dict)  # the settings that the chosen strategies declare themselves

    def as_dict(self) -> dict[str, Any]:
        """Every setting by name, in one level; None for those of strategies that are not chosen."""
        return {name: self.own.get(name) if name in declared() else getattr(self, name) for name in known_settings()}


SETTINGS = settings_of(TrainConfig)
# Some settings name a strategy, such as batching or optimizer: each room enters its registry of them here. A strategy
# may have `settings`, which it alone reads, and `check_config(config)`, which raises a ConfigError if they do not fit.
REGISTRIES: dict[str, Mapping[str, Any]] = {}
BUDGET = ("epochs", "steps", "minutes")
# What a resumed run may change: how long it continues, how it is watched, and, downwards, the learning rate.
MAY_CHANGE = frozenset(
    {
        *BUDGET,
        "eval_every",
        "sample_every",
        "patience",
        "threads",
        "kernels",
        "workers",
        "checkpoint_minutes",
        "learning_rate",
    }
)
DEFAULT_STEPS = 3000  # the budget where neither the user nor a recipe gives one


def declared() -> dict[str, tuple[str, Setting, list[str]]]:
    """The settings that strategies declare: name → the setting that names the strategy, the setting, its readers."""
    found: dict[str, tuple[str, Setting, list[str]]] = {}
    for kind, registry in REGISTRIES.items():
        for owner, strategy in registry.items():
            for each in getattr(strategy, "settings", ()):
                found.setdefault(each.name, (kind, each, []))[2].append(owner)
    return found


def known_settings() -> dict[str, Setting]:
    """Every setting by name: those of all runs, each followed by those that its strategies declare."""
    known: dict[str, Setting] = {}
    for name, each in SETTINGS.items():
        known[name] = replace(each, choices=REGISTRIES[name]) if name in REGISTRIES else each
        known |= {own: setting for own, (kind, setting, _) in declared().items() if kind == name}
    return known


def make_config(values: Mapping[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """A checked configuration: `values` over `base` (the defaults unless given).

    Raises
    ------
    ConfigError
        A name is unknown, or a value has the wrong type, is out of range, or contradicts another.
    """
    checked = check_values(known_settings(), values)
    config = replace(base or TrainConfig(), **{name: v for name, v in checked.items() if name in SETTINGS})
    own = {**config.own, **{name: value for name, value in checked.items() if name not in SETTINGS}}
    config = replace(config, own={name: value for name, value in own.items() if value is not None})
    if config.val_fraction + config.test_fraction >= 1:
        raise ConfigError(
            f"val_fraction {config.val_fraction:g} + test_fraction {config.test_fraction:g} leave nothing to train "
            "on: together they must stay below 1"
        )
    for name, value in config.own.items():
        kind, _, owners = declared()[name]
        if getattr(config, kind) not in owners:
            remedy = f"add --{kind} {owners[0]}" if len(owners) == 1 else "leave it out"
            raise ConfigError(f"{name} {value} has no effect with {kind} '{getattr(config, kind)}': {remedy}")
    if config.unique and config.documents is None:
        raise ConfigError("unique has no effect without documents: add --documents, such as --documents lines")
    if config.label is not None and config.documents is None:
        raise ConfigError(f"label {config.label} has no effect without documents: add --documents")
    for name in ("freeze_layers", "mix_old"):
        if getattr(config, name) and config.init_from is None:
            raise ConfigError(f"{name} {getattr(config, name)} has no effect without init_from: add --init-from RUN")
    if config.mix_old and config.batch_size < 2:
        raise ConfigError(f"mix_old {config.mix_old:g} needs a batch_size of at least 2: a lane reads only one text")
    if config.freeze_layers > config.num_layers:
        raise ConfigError(
            f"freeze_layers {config.freeze_layers} is too large: the network has num_layers {config.num_layers}"
        )
    for name in ("eval_every", "patience"):
        if config.val_fraction == 0 and config.val is None and getattr(config, name):
            raise ConfigError(f"{name} {getattr(config, name)} needs a validation split, and val_fraction is 0")
    for kind, registry in REGISTRIES.items():
        check = getattr(registry[getattr(config, kind)], "check_config", None)
        if check is not None:
            check(config)
    return config
