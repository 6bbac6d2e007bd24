"""`model.safetensors`: a trained model in one file that can be shared and used alone.

The arrays have PyTorch's names and shapes: `recurrent.*` loads into `torch.nn.RNN`, `readout.*` into
`torch.nn.Linear`. PyTorch adds a second bias to the first: it is written as zeros, and added to the first when a file
is read. The header holds the model's configuration, its vocabulary and its provenance. A network with experts takes
their counts along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.errors import CharRNNError, RunError
from charrnn.ngrams import CHAINS, COUNTS_PREFIX, Codes, Experts, with_all
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Layout, Parameters
from charrnn.runs.files import FORMAT, FORMATS, DamagedError, header_value, read_arrays, write_arrays
from charrnn.runs.npz_file import read_npz, write_npz
from charrnn.settings import shown
from charrnn.text.vocabulary import Vocabulary

MODEL_FILE = "model.safetensors"
MOST_EXPERTS = 16
MOST = {"num_layers": 1000, "vocab_size": 1 << 21, "hidden_size": 1 << 20}  # beyond any model: the header is wrong


class ModelFile(NamedTuple):
    network: CharModel
    params: Parameters
    vocabulary: Vocabulary
    provenance: dict[str, Any]  # corpus, splits, settings, step, losses: what `charrnn info` shows
    experts: Experts | None = None


def write_model(path: Path, contents: ModelFile) -> None:
    """Write a model, in the format that `read_model` expects of a file with this name."""
    experts, write = contents.experts, write_npz if path.suffix == ".npz" else write_arrays
    write(path, to_torch(contents.params) | (experts.packed if experts else {}), model_header(contents))


def model_header(contents: ModelFile) -> dict[str, Any]:
    """What a file says of a model beside its arrays."""
    header = {
        "format": FORMAT,
        "model": _header(contents.network.config),
        "vocabulary": contents.vocabulary.characters,
        "provenance": contents.provenance,
    }
    return header | expert_header(contents.experts) if contents.experts else header


def expert_header(experts: Experts) -> dict[str, Any]:
    """What a file says of experts beside their counts."""
    codes = experts.codes
    of_all = {} if codes is None else {"all_texts": {"order": codes.order, "codes": list(codes.codes)}}
    return {"experts": list(experts.names), **of_all}


def write_counts(path: Path, experts: Experts) -> None:
    """Write counts that a run has taken along from a model, so that it can be resumed without that model."""
    write_arrays(path, experts.packed, {"format": FORMAT, **expert_header(experts)})


def read_counts(path: Path, characters: str) -> Experts:
    """The counts that `write_counts` was given, over the characters of a vocabulary; RunError if they are damaged."""
    arrays, header = read_arrays(path)
    with _refusing_damage(path):
        experts = read_experts(header, arrays, characters)
        if experts is None:
            raise ValueError("it names no count models")
    return experts


@contextmanager
def _refusing_damage(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file's contents are taken apart into a DamagedError that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, CharRNNError) as error:
        raise DamagedError(f"'{path}' is damaged: {' '.join(str(error).split()) or type(error).__name__}") from None


def read_model(path: Path) -> ModelFile:
    """Read and check a model file, or one that was exported as .npz: names, shapes, types and values.

    Raises
    ------
    RunError
        The file is missing, damaged, or not a model of this package.
    """
    arrays, header = read_npz(path) if path.suffix == ".npz" else read_arrays(path)
    if "model" not in header:
        raise RunError(f"'{path}' is not a model file (is it a checkpoint? the model is model.safetensors)")
    if header.get("format") not in FORMATS:
        raise RunError(
            f"'{path}' has model format {shown(header.get('format'))}; this version reads formats 1 and {FORMAT}"
        )
    with _refusing_damage(path):
        config = _model_config(header["model"])
        vocabulary = _vocabulary(header["vocabulary"], config.documents)
        provenance = _provenance(header["provenance"])
        if len(vocabulary.label_ids) != len(provenance.get("labels", ())):
            raise ValueError("its labels and their symbols differ in number")
        if len(vocabulary) != config.vocab_size:
            raise ValueError(f"{len(vocabulary)} characters for vocab_size {config.vocab_size}")
        model = CharModel(config)
        counts = {name: arrays.pop(name) for name in list(arrays) if name.startswith(COUNTS_PREFIX)}
        named = header.get("experts", [])
        if not isinstance(named, list) or len(named) != config.num_experts:
            raise ValueError(f"its network has {config.num_experts} count models, but the file names {shown(named)}")
        experts = read_experts(header, counts, vocabulary.characters)
        params = from_torch(arrays, model)
    return ModelFile(model, params, vocabulary, provenance, experts)


def to_torch(params: Parameters) -> dict[str, Array]:
    """The arrays under PyTorch's names, with every `bias_hh` that PyTorch expects."""
    arrays = dict(params)
    for name, shape in torch_layout(params.layout).items():
        arrays.setdefault(name, np.zeros(shape, params.vector.dtype))
    return arrays


def torch_layout(layout: Layout) -> dict[str, tuple[int, ...]]:
    """The names and shapes of the arrays as PyTorch has them, with a `bias_hh` for every `bias_ih`."""
    return {n: shape for name, shape in layout.items() for n in (name, name.replace("bias_ih", "bias_hh"))}


def from_torch(arrays: dict[str, Array], model: CharModel) -> Parameters:
    """Parameters from arrays under PyTorch's names. ValueError names the first that is missing or does not fit."""
    dtypes = {array.dtype for array in arrays.values()}
    if len(dtypes) != 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ValueError(f"arrays must all be float32 or all float64, not {', '.join(sorted(map(str, dtypes)))}")
    expected = torch_layout(model.layout)
    for name in sorted(expected.keys() ^ arrays.keys()):
        raise ValueError(f"array '{name}' is {'missing' if name in expected else 'not part of this model'}")
    for name, array in arrays.items():
        if array.shape != expected[name]:
            raise ValueError(f"array '{name}' has shape {array.shape}, expected {expected[name]}")
        if not np.isfinite(array).all():
            raise ValueError(f"array '{name}' holds numbers that are not finite")
    params = Parameters.zeros(model.layout, dtypes.pop())
    for name, array in arrays.items():
        target = name if name in params else name.replace("bias_hh", "bias_ih")
        with np.errstate(over="ignore"):
            params[target][...] += array
        if not np.isfinite(params[target]).all():
            raise ValueError(f"array '{name}' is too large: its sum with the other bias is not finite")
    return params


def read_experts(header: Mapping[str, Any], counts: Mapping[str, Array], characters: str) -> Experts | None:
    """The experts that a header names, with their counts; ValueError if they do not fit."""
    names, of_all = header.get("experts", []), header.get("all_texts")
    if not isinstance(names, list) or len(names) > MOST_EXPERTS:
        raise ValueError(f"its count models cannot be {shown(names)}")
    known = CHAINS if of_all is None else with_all([*CHAINS])
    for name in names:
        header_value("expert", name, "str", "is not known", choices=known)
    codes = None
    if of_all is not None:
        for code in of_all["codes"]:
            header_value("code", code, "int", "is not a number", least=0, below=MOST["vocab_size"])
        codes = Codes(header_value("order of codes", of_all["order"], "str", "is not text"), tuple(of_all["codes"]))
    return Experts.unpacked(names, characters, counts, codes) if names else None


def _vocabulary(characters: Any, documents: bool) -> Vocabulary:
    """The characters of a header, which must be those that a text in UTF-8 can hold."""
    header_value("vocabulary", characters, "str", "is not text")
    characters.encode()  # a UnicodeEncodeError is a ValueError
    return Vocabulary(characters, documents)


def _provenance(values: Any) -> dict[str, Any]:
    """The model's origin, as far as the file gives it; the values that other code relies on are checked."""
    provenance = dict(values)
    splits = provenance.get("splits", {})
    if not isinstance(splits, dict):
        raise ValueError(f"its splits cannot be {shown(splits)}")
    for name, size in splits.items():
        header_value(f"split '{name}'", size, "int", "is not a size", least=0, below=1 << 53)
    header_value("step", provenance.get("step"), "int | None", "is not a number of steps", least=0, below=1 << 53)
    header_value("val_nats_per_char", provenance.get("val_nats_per_char"), "float | None", "is not a loss", least=0)
    labels = provenance.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) and label.isprintable() for label in labels):
        raise ValueError("its labels are not a list of printable names")
    if labels != sorted(set(labels)):
        raise ValueError("its labels are not sorted and distinct")
    if "parents" in provenance:
        provenance["parents"] = [_parent(values) for values in provenance["parents"]]
    held_out = provenance.get("held_out")
    if held_out is not None:
        values = held_out["nats_per_char"]
        header_value("held-out documents", held_out["documents"], "int", "is not their number", least=1)
        if not isinstance(values, list) or not values or not np.isfinite(np.array(values, np.float64)).all():
            raise ValueError("its scores of held-out documents are not a list of numbers")
        held_out["nats_per_char"] = sorted(map(float, values))
    return provenance


def _parent(values: Any) -> dict[str, Any]:
    """One of the models that a model came from, as far as its file names it."""
    parent = {}
    for name, kind in (("name", "str"), ("sha256", "str"), ("text", "str"), ("text_sha256", "str")):
        parent[name] = header_value(f"parent's {name}", values.get(name), f"{kind} | None", "is not text")
    parent["step"] = header_value("parent's step", values.get("step"), "int | None", "is not a number of steps")
    for name in ("documents", "labels"):
        parent[name] = header_value(f"parent's {name}", values.get(name), "bool | None", "is not true or false")
    loss = values.get("val_nats_per_char")
    parent["val_nats_per_char"] = header_value("parent's loss", loss, "float | None", "is not a loss", least=0)
    return {name: value for name, value in parent.items() if value is not None}


def _header(config: ModelConfig) -> dict[str, Any]:
    """A network's settings, as earlier versions read them, too, unless it has documents, which they would not know."""
    return {name: value for name, value in asdict(config).items() if name != "documents" or value}


def _model_config(values: dict[str, Any]) -> ModelConfig:
    values = {"num_experts": 0, "documents": False, **values}  # older files, and those of networks without documents
    known = {f.name for f in fields(ModelConfig)}
    if set(values) != known:
        raise ValueError(f"the model's settings are {sorted(values)}, expected {sorted(known)}")
    for name, most in MOST.items():
        header_value(name, values[name], "int", "is not a size", least=1, most=most)
    header_value("documents", values["documents"], "bool", "is not true or false")
    header_value("dropout", values["dropout"], "float", "is not a share", least=0, below=1)
    header_value("num_experts", values["num_experts"], "int", "is not a number of experts", least=0, most=MOST_EXPERTS)
    return ModelConfig(**values)
