"""`--to js`: a folder with an ES module, its types and the model, which browsers, Node and `npm install` can use."""

from __future__ import annotations

import base64
import json
import re
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
from safetensors.numpy import save as safetensors_bytes

from charrnn.arrays import Array
from charrnn.errors import ConfigError, RunError
from charrnn.export.contents import Contents
from charrnn.language_model import LanguageModel
from charrnn.ngrams.all_texts import OfAllTexts
from charrnn.ngrams.chains import Labels, Words
from charrnn.runs.files import KEY, read_json, write_atomic
from charrnn.runs.npz_file import SCALE
from charrnn.version import __version__

MODULE = resources.files("charrnn.export") / "module"
MODULES = (  # each after those that it imports
    "randomness.js", "generation.js", "unpacking.js", "network.js", "chains.js", "ngrams.js", "charrnn.js",
)  # fmt: skip
FILES = (*MODULES, "index.js", "index.d.ts")
KNOWN = {  # what the modules know, under the same names
    "cell": ("rnn", "lstm", "gru", "qrnn"),  # network.js
    "chain of counts": (  # chains.js
        "characters", "recent", "labels", "words", "characters of all texts", "words of all texts",
    ),
}  # fmt: skip
PACKAGE, MODEL = "package.json", "model.js"


def write(out: Path, contents: Contents) -> list[Path]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder '{out}': {error.strerror}") from None
    package = {
        "name": f"charrnn-{package_name(contents.name)}", "version": "1.0.0", "private": True, "type": "module",
        "description": f"A character model of {contents.header['provenance'].get('text', 'a text')}, made with charrnn",
        "main": "index.js", "types": "index.d.ts", "exports": {".": {"types": "./index.d.ts", "default": "./index.js"}},
        "sideEffects": False, "engines": {"node": ">=20"}, KEY: __version__,
    }  # fmt: skip
    files = {PACKAGE: json.dumps(package, indent=2) + "\n", MODEL: f'export default "{packed(contents)}";\n'}
    files |= {name: (MODULE / name).read_text("utf-8") for name in FILES}
    for name, text in files.items():
        write_atomic(out / name, text.encode())
    return [out / name for name in files]


def packed(contents: Contents) -> str:
    """The model as a safetensors file, compressed with zlib, in base 85: what `load` of the module reads."""
    data = safetensors_bytes(own_arrays(contents), {KEY: json.dumps(contents.header, ensure_ascii=False)})
    stream = zlib.compressobj(9, strategy=zlib.Z_RLE)  # weights repeat nothing but zeros
    return base85(stream.compress(data) + stream.flush())


def base85(data: bytes) -> str:
    """Four bytes as five characters that need no escape in HTML and in a string: a quarter more, base64 a third."""
    return base64.b85encode(data).translate(bytes.maketrans(b"&<>", b".,:")).decode()


def own_arrays(contents: Contents) -> dict[str, Array]:
    """The arrays, contiguous as the format wants them, without the second biases that only PyTorch has.

    The counts are as in a model file, but for its compression: the export is compressed as a whole. What a chain knows
    of characters goes with them, since browsers differ in the Unicode that they know.
    """
    layout, experts = contents.model.params.layout, contents.model.experts
    arrays = {n: a for n, a in contents.arrays.items() if n.removesuffix(SCALE) in layout}
    for name, array in contents.counts.items():
        is_packed = array.dtype == np.uint8
        arrays[name] = np.frombuffer(zlib.decompress(array.tobytes()), np.uint8) if is_packed else array
    for chain in experts.chains if experts else ():
        whose = "words"
        if isinstance(chain, OfAllTexts):
            arrays["all.codes"] = chain.table[1:].astype(np.int64) - 1
            chain, whose = chain.chain, "all"
        if isinstance(chain, Words):
            arrays[f"{whose}.kinds"] = np.array(chain.kinds, np.uint8)
            arrays[f"{whose}.lower"] = np.array(chain.folded, np.int64)
        if isinstance(chain, Labels):
            arrays["labels.first"] = np.array([chain.first], np.int64)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def check(out: Path, model: LanguageModel) -> None:
    """Refuse what cannot be written: a model that the module cannot run, or a folder in which something could be lost.

    The folder must be new, empty, or an earlier export.
    """
    check_known(model)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise ConfigError(f"'{out}' is a file: --to js writes a folder, name a new one")
    package = out / PACKAGE
    if not package.is_file() or KEY not in read_json(package):
        raise ConfigError(f"the folder '{out}' holds other files than an export: name a new one, or empty it")


def check_known(model: LanguageModel) -> None:
    """Refuse a cell or a chain of counts that the module lacks."""
    chains = model.experts.names if model.experts else ()
    for what, name in (("cell", model.network.config.cell), *(("chain of counts", name) for name in chains)):
        if name not in KNOWN[what]:
            known = ", ".join(KNOWN[what])
            raise ConfigError(
                f"the {what} '{name}' is not known to the module in JavaScript, which has {known}: export --to npz"
            )


def package_name(name: str) -> str:
    """A run's name as npm takes it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"
