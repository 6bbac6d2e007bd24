"""The next character of many texts at once, with what the model thought of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.arrays import Array
from charrnn.generation.filters import apply_filters_by_row
from charrnn.generation.sample import pick_
from charrnn.serving.writing import Item, Writing


def draw_next(writings: Sequence[Writing], logits: Array) -> None:
    """Draw one character for each of some texts with the same vocabulary, from logits (B, V) float64.

    No row is treated differently for the company it is in: every operation is elementwise, or along a row.
    """
    telling = [k for k, w in enumerate(writings) if w.logprobs is not None]
    told = logits[telling]
    apply_filters_by_row(logits, [w.config for w in writings])
    kept = np.isfinite(logits[telling]).sum(axis=1).tolist()
    ids = pick_(logits, np.array([w.uniform() for w in writings])).tolist()
    for w, id_ in zip(writings, ids, strict=True):
        w.ids.append(id_)
    characters = writings[0].model.vocabulary.characters
    if not telling:
        for w, id_ in zip(writings, ids, strict=True):
            w.add(Item(characters[id_]))
        return
    items = dict(zip(telling, tell(characters, told, [ids[k] for k in telling], _most(writings)), strict=True))
    for row, k in enumerate(telling):
        item, count = items[k], writings[k].logprobs
        assert item.top is not None
        items[k] = item._replace(top=item.top[:count], kept=kept[row])
    for k, (w, id_) in enumerate(zip(writings, ids, strict=True)):
        w.add(items[k] if k in items else Item(characters[id_]))


def show_prompt(writing: Writing, logits: Array) -> None:
    """The character of the prompt that follows what was read, as an item, from logits (V,)."""
    assert writing.logprobs is not None
    characters = writing.model.vocabulary.characters
    (item,) = tell(characters, logits[None].astype(np.float64), [writing.ids[writing.position]], writing.logprobs)
    writing.show(item)


def tell(characters: str, logits: Array, ids: Sequence[int], most: int) -> list[Item]:
    """For each row of logits (B, V) float64 and the id that followed: its log-probability and the likeliest ones."""
    logprobs = logits - logits.max(axis=1, keepdims=True)
    logprobs -= np.log(np.exp(logprobs).sum(axis=1, keepdims=True))
    rows = np.arange(len(ids))
    own = logprobs[rows, ids].tolist()
    most = min(most, logprobs.shape[1])
    if most == 0:
        return [Item(characters[i], value, []) for i, value in zip(ids, own, strict=True)]
    likely = np.argpartition(-logprobs, most - 1, axis=1)[:, :most]
    values = np.take_along_axis(logprobs, likely, axis=1)
    order = np.lexsort((likely, -values), axis=1)
    likely = np.take_along_axis(likely, order, axis=1).tolist()
    values = np.take_along_axis(values, order, axis=1).tolist()
    return [
        Item(characters[i], value, [(characters[j], v) for j, v in zip(js, vs, strict=True)])
        for i, value, js, vs in zip(ids, own, likely, values, strict=True)
    ]


def _most(writings: Sequence[Writing]) -> int:
    return max(w.logprobs or 0 for w in writings)
