"""Tables of counts in a file: what is read is what was written, or is refused in a few words."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.ngrams.experts import Experts
from charrnn.ngrams.packing import pack, unpack
from charrnn.ngrams.tables import Tables

NAMES = ("characters", "words")
LEVELS = (7, 4)
V = 9
CHARACTERS = "".join(sorted("\n 'abAB中文"))
ARRAYS = ("keys", "level", "first", "symbols", "counts", "discounts")
DEFLATED = ("keys", "levels", "lengths", "symbols", "counts")


def some_ids(seed: int, size: int = 400, vocab_size: int = V) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.choice(vocab_size, size, p=rng.dirichlet(np.ones(vocab_size)))


def packed(seed: int = 0) -> dict[str, np.ndarray]:
    return pack(Experts.count(NAMES, CHARACTERS, some_ids(seed)).tables)


def inflated(arrays: dict[str, np.ndarray], name: str) -> bytearray:
    return bytearray(zlib.decompress(arrays["counts." + name].tobytes()))


def deflated(data: bytes) -> np.ndarray:
    return np.frombuffer(zlib.compress(data), np.uint8)


@given(
    st.integers(0, 1000), st.sampled_from([1, 2, 9, 255, 256, 257, 5000]), st.integers(1, 600),
    st.sampled_from([("characters",), ("words",), NAMES, NAMES[::-1]]), st.integers(0, 3),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_what_is_unpacked_is_what_was_packed(
    seed: int, vocab_size: int, size: int, names: tuple[str, ...], least: int
) -> None:
    characters = "".join(map(chr, range(32, 32 + vocab_size)))
    tables = Experts.count(names, characters, some_ids(seed, size, vocab_size)).tables.pruned(least)
    arrays = pack(tables)
    assert {array.ndim for name, array in arrays.items() if name != "counts.discounts"} == {1}
    again = unpack(arrays, vocab_size, tables.levels)
    for name in ARRAYS:
        expected, found = getattr(tables, name), getattr(again, name)
        assert (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())
    assert (again.vocab_size, again.levels, again.digest()) == (tables.vocab_size, tables.levels, tables.digest())


def test_tables_of_no_text_are_packed_too() -> None:
    for tables in (Tables.empty(V, LEVELS), Tables.empty(V, LEVELS).with_discounts()):
        assert unpack(pack(tables), V, LEVELS).digest() == tables.digest()


def probabilities(tables: Tables, keys: np.ndarray) -> np.ndarray:
    """[src.1] as it is written, after contexts whose keys are keys (levels, n): (S, n, V)."""
    found, level = [], 0
    for count in tables.levels:
        p = np.full((keys.shape[1], tables.vocab_size), 1 / tables.vocab_size)
        for each in tables.rows(keys[level : level + count]):
            for t, row in enumerate(each):
                if row < len(tables.keys):
                    pairs = slice(tables.first[row], tables.first[row + 1])
                    counts = tables.counts[pairs].astype(float)
                    lost = tables.discounts[tables.level[row], np.minimum(tables.counts[pairs], 3)]
                    p[t] *= lost.sum()
                    p[t, tables.symbols[pairs]] += counts - lost
                    p[t] /= counts.sum()
        found.append(p)
        level += count
    return np.array(found)


def damage(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    """Change one of the arrays: its bytes, or the numbers that they hold."""
    name = rng.choice([*DEFLATED, "sizes", "discounts"])
    if name == "sizes":
        arrays["counts.sizes"] = rng.integers(-3, [1 << 62, 1 << 20][rng.integers(2)], 2)
        return
    if name == "discounts":
        found = arrays["counts.discounts"].copy()
        found[rng.integers(len(found)), rng.integers(4)] = rng.choice([np.nan, np.inf, -1, 0, 0.5, 0.9, 1.5, 2.5, 4])
        arrays["counts.discounts"] = found
        return
    inside = rng.random() < 0.7
    data = inflated(arrays, name) if inside else bytearray(arrays["counts." + name].tobytes())
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(data)))
        match rng.integers(4 if inside else 5):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at] = int(rng.integers(256))
            case 2:
                data[at : at + 8] = rng.bytes(len(data[at : at + 8]))
            case 3:
                data[at] = 0
            case 4:
                del data[at + 1 :]
    arrays["counts." + name] = deflated(data) if inside else np.frombuffer(bytes(data), np.uint8)


def test_damaged_files_are_refused_or_give_probabilities() -> None:
    experts = Experts.count(NAMES, CHARACTERS, some_ids(0))
    ids = some_ids(1, 24)
    text, codes = experts.keyed(ids), ids[None].astype(np.uint64) + np.uint64(1)
    keys = experts.keys(codes)[:, 0]
    refused = read = 0
    for seed in range(300):
        arrays = pack(experts.tables)
        damage(arrays, np.random.default_rng(seed))
        try:
            tables = unpack(arrays, V, LEVELS)
        except ValueError:
            refused += 1
            continue
        read += 1
        p = probabilities(tables, keys)
        assert (p > 0).all(), seed
        np.testing.assert_allclose(p.sum(axis=2), 1, atol=1e-9)
        more = tables.add(text)  # what is read can be added to
        assert (more.counts > 0).all(), seed
    assert refused > 100
    assert read > 20


WRONG = {
    "a_missing_array": ("keys", lambda a: a.pop("counts.keys"), "lacks counts.keys"),
    "numbers_of_another_type": ("symbols", lambda a: a["counts.symbols"].view(np.int8), "wrong type or shape"),
    "another_dimension": ("levels", lambda a: a["counts.levels"][None], "wrong type or shape"),
    "discounts_of_other_levels": ("discounts", lambda a: a["counts.discounts"][1:], "wrong type or shape"),
    "a_discount_that_is_no_number": ("discounts", lambda a: a["counts.discounts"] * np.nan, "discounts"),
    "a_discount_above_its_count": ("discounts", lambda a: a["counts.discounts"] + [0, 1, 0, 0], "discounts"),
    "no_discount": ("discounts", lambda a: a["counts.discounts"] * 0, "discounts"),
    "a_negative_size": ("sizes", lambda a: np.array([-1, 3]), "too few bytes"),
    "more_rows_than_pairs": ("sizes", lambda a: a["counts.sizes"][::-1], "too few bytes"),
    "sizes_for_which_there_are_no_bytes": ("sizes", lambda a: np.array([5, 1 << 40]), "too few bytes"),
    "another_number_of_rows": ("sizes", lambda a: a["counts.sizes"] - [1, 0], "damaged"),
    "another_number_of_pairs": ("sizes", lambda a: a["counts.sizes"] + [0, 1], "add up"),
    "bytes_that_were_cut_off": ("counts", lambda a: a["counts.counts"][:-1], "damaged"),
    "bytes_at_the_end": ("counts", lambda a: np.append(a["counts.counts"], np.uint8(0)), "damaged"),
    "bytes_that_deflate_did_not_make": ("counts", lambda a: a["counts.counts"][::-1], "damaged"),
    "an_unknown_level": ("levels", lambda a: deflated(inflated(a, "levels")[:-1] + b"\x0b"), "wrong levels"),
    "two_shortest_contexts": ("levels", lambda a: deflated(b"\0\0" + inflated(a, "levels")[2:]), "wrong levels"),
    "a_key_that_stands_twice": ("keys", lambda a: deflated(bytes(len(inflated(a, "keys")))), "have one key"),
    "keys_that_are_no_hashes": (  # 1, 2, 3 and so on
        "keys", lambda a: deflated(b"\1" * (rows := a["counts.sizes"][0]) + bytes(7 * rows)), "evenly",
    ),
    "a_longer_row": ("lengths", lambda a: deflated(inflated(a, "lengths")[:-1] + b"\x08"), "add up"),
    "an_unknown_character": ("symbols", lambda a: deflated(inflated(a, "symbols")[:-1] + b"\x09"), "characters"),
    "a_count_that_is_too_large": (
        "counts", lambda a: deflated(inflated(a, "counts")[:-1] + b"\xff"), "counts are too large",
    ),
    "a_total_that_is_too_large": (  # of the shortest context, which has several pairs
        "counts",
        lambda a: deflated(inflated(a, "counts")[: -a["counts.sizes"][1]] + b"\x3f" * a["counts.sizes"][1]),
        "counts are too large",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_no_tables_give_is_refused(what: str) -> None:
    name, change, reason = WRONG[what]
    arrays = packed()
    changed = change(arrays)
    if "counts." + name in arrays:
        arrays["counts." + name] = changed
    with pytest.raises(ValueError, match=reason):
        unpack(arrays, V, LEVELS)


def test_a_small_file_does_not_fill_the_memory() -> None:
    arrays = packed()
    arrays["counts.symbols"] = arrays["counts.counts"] = deflated(bytes(300_000_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match="damaged"):
        unpack(arrays, V, LEVELS)
    claims = arrays | {"counts.sizes": np.array([100_000_000, 300_000_000])}
    with pytest.raises(ValueError, match="too few bytes"):
        unpack(claims, V, LEVELS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_arrays_of_the_other_byte_order_have_the_same_digest() -> None:
    tables = Experts.count(NAMES, CHARACTERS, some_ids(3)).tables
    swapped = {name: (array := getattr(tables, name)).astype(array.dtype.newbyteorder()) for name in ARRAYS}
    assert replace(tables, **swapped).digest() == tables.digest()


def test_whatever_decides_probabilities_is_in_the_digest() -> None:
    tables = Experts.count(NAMES, CHARACTERS, some_ids(3)).tables
    digests = {tables.digest(), replace(tables, vocab_size=10).digest(), replace(tables, levels=(4, 7)).digest()}
    for name in ARRAYS:
        changed = getattr(tables, name).copy()
        changed.flat[-1] += 1
        digests.add(replace(tables, **{name: changed}).digest())
    assert len(digests) == 3 + len(ARRAYS)
