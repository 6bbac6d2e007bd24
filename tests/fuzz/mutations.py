"""How files are made to lie: their bytes, their lengths, and the types of what they say."""

from __future__ import annotations

import json
import pickle
import random
import re
import struct
from collections.abc import Callable
from typing import Any

LIES: list[Any] = [
    -1, 0, 1, 2**31, 2**63, 10**30, 1.5, float("1e308"), float("nan"), float("inf"), None, True, "", "x", "é\x00",
    "\ud800", "a\nb\x1b[2J", "x" * 5000, [], {}, [[[]]], {"a": {}}, [1], ["x"], "/dev/zero", ".", {"": 0},
    [None] * 2000,
]  # fmt: skip
# What a parser of JSON meets, and no tree of Python holds.
RAW = [
    "9" * 5000,
    "-" + "9" * 5000,
    "[" * 100_000,
    '{"a":' * 50_000,
    "1e999",
    "NaN",
    "-Infinity",
    '"\\ud800"',
    "01",
    "",
]
TOML_LIES = [
    "-1", "0", "9" * 5000, "1e999", "nan", "-inf", "1.5", "true", '"x"', '""', '"a\\nb\\u001b"', "[]", "[[[]]]", "{}",
    "{a = 1}", "1979-05-27", "07:32:00", "[1, 'x', []]", "[" * 5000, "{low = 1}",
    "{low = 0.0001, high = 1.0, step = 1e-9}",
    "{low = 1, high = 1e300, step = 1e-300}", "{low = 'a', high = []}", "{low = 2, high = 1}", "0x7fffffffffffffff",
    "'/dev/zero'", "'.'", "['-']", "''' '''", "a.b", "[" + "1," * 20_000 + "]", "1000000000",
]  # fmt: skip
Mutation = Callable[[bytes, random.Random], bytes]


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    where = len(changed) if chance.random() < 0.5 else min(len(changed), 600)  # half of them in the header
    for _ in range(chance.choice((1, 1, 3, 30))):
        changed[chance.randrange(where)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def spliced(data: bytes, chance: random.Random) -> bytes:
    a, b = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:a] + data[b:] if chance.random() < 0.5 else data[:b] + data[a:]


def noise(data: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(200))


def in_disguise(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((pickle.dumps({"weights": [1.0]}), b"PK\x03\x04" + data, b"\x93NUMPY" + data, b"{}", b""))


ANY: list[Mutation] = [truncated, flipped, flipped, spliced, noise, in_disguise]


# Files of arrays


def another_length(data: bytes, chance: random.Random) -> bytes:
    """The first eight bytes say how long the header is."""
    length = chance.choice((0, 1, 2**16, 2**31, 2**32, 2**63, 2**64 - 1, chance.randrange(2 * len(data))))
    return struct.pack("<Q", length) + data[8:]


def nested(data: bytes, chance: random.Random) -> bytes:
    depth = chance.choice((50, 1000, 100_000))
    return _with_header(data, b'{"__metadata__":{"charrnn":"' + b"[" * depth + b'"}}')


def another_value(data: bytes, chance: random.Random) -> bytes:
    """Somewhere in the header, or in the header within the header, another value, key, or a key twice."""
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    inner = json.loads(header["__metadata__"]["charrnn"])
    if chance.random() < 0.9:  # without the digest of later versions, which would refuse every change
        inner.pop("sha256", None)
        inner["format"] = 1
    where = chance.choice((header, inner, inner))
    _change(where, chance)
    if where is inner:
        words = json.dumps(inner)
        if chance.random() < 0.1:
            words = _raw(words, chance)
        header["__metadata__"] = {"charrnn": words}
    text = json.dumps(header).encode()
    if chance.random() < 0.1:
        text = text.replace(b'"dtype"', b'"dtype":"F16","dtype"', 1)
    if chance.random() < 0.1:
        text = text.replace(b"F32", chance.choice((b"F8_E4M3", b"BF16", b"BOOL", b"I64", b"F64", b"C64")))
    if chance.random() < 0.1:
        text = text.replace(b"a", b"\xff", 1)  # no longer UTF-8
    return _with_header(data, text)


def other_numbers(data: bytes, chance: random.Random) -> bytes:
    """A weight that is not a number, or too large."""
    start = 8 + struct.unpack("<Q", data[:8])[0]
    at = start + 4 * chance.randrange((len(data) - start) // 4)
    return data[:at] + struct.pack("<f", chance.choice((float("nan"), float("inf"), 3e38))) + data[at + 4 :]


ARRAYS: list[Mutation] = [*ANY, another_length, nested, another_value, another_value, another_value, other_numbers]


# JSON, and lines of JSON


def another_type(data: bytes, chance: random.Random) -> bytes:
    """Somewhere in one of the documents another value, key, or a key twice; or a document that is none."""
    lines = data.decode().splitlines() if data.count(b"}\n{") else [data.decode()]
    number = chance.randrange(len(lines))
    tree = json.loads(lines[number])
    _change(tree, chance)
    words = json.dumps(tree if chance.random() < 0.95 else chance.choice(LIES))
    if chance.random() < 0.2:
        words = _raw(words, chance)
    lines[number] = words
    return "\n".join(lines).encode() + b"\n"


DOCUMENTS: list[Mutation] = [*ANY, another_type, another_type, another_type, another_type, another_type]


# TOML


def another_toml(data: bytes, chance: random.Random) -> bytes:
    """Another value after one of the equal signs, another name before it, or another table."""
    lines = data.decode().splitlines()
    for _ in range(chance.choice((1, 1, 2))):
        number = chance.randrange(len(lines))
        name, equals, _value = lines[number].partition(" = ")
        if not equals:
            lines[number] = chance.choice(
                ("[search]", "[settings]", "[[sizes]]", "[a.b]", "[[search]]", "[" + "a." * 200 + "b]")
            )
        elif chance.random() < 0.8:
            lines[number] = f"{name} = {chance.choice(TOML_LIES)}"
        else:
            other = chance.choice((f"{name}_", '"a\\nb"', "''", "'\"'", f"{name}.x", ".".join("a" * 5000), "low", "é"))
            lines[number] = lines[number].replace(name, other, 1)
    return "\n".join(lines).encode() + b"\n"


TOML: list[Mutation] = [*ANY, another_toml, another_toml, another_toml, another_toml, another_toml, another_toml]


def _change(tree: Any, chance: random.Random) -> None:
    if not tree:
        return
    place, key = _somewhere(tree, chance)
    what = chance.random()
    if what < 0.6:
        place[key] = chance.choice(LIES)
    elif what < 0.8 and isinstance(place, dict):
        del place[key]
    elif isinstance(place, dict):
        place[chance.choice(("", "x", "__proto__", str(key) + "_", "a\nb"))] = place[key]


def _raw(words: str, chance: random.Random) -> str:
    """One of the numbers, words or strings in JSON becomes what no tree of Python holds."""
    found = list(re.finditer(r'(?<=[:\[,] )(-?[\d.e+-]+|"[^"\\]*"|true|false|null)|^', words))
    place = chance.choice(found)
    return words[: place.start()] + chance.choice(RAW) + words[place.end() :]


def _with_header(data: bytes, header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + data[8 + struct.unpack("<Q", data[:8])[0] :]


def _somewhere(tree: object, chance: random.Random) -> tuple[Any, Any]:
    """A random place in a tree of objects and arrays: a container and a key of it."""
    place = tree
    while True:
        assert isinstance(place, dict | list)
        key = chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.3:
            return place, key
        place = inner
