"""Draw the next character of many texts at once, with its log-probability and the likeliest alternatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.arrays import Array
from charrnn.generation.filters import apply_filters_by_row
from charrnn.generation.sample import pick_
from charrnn.serving.engine.text_request import TextRequest, Token
from charrnn.text.vocabulary import Vocabulary


def draw_next(texts: Sequence[TextRequest], logits: Array) -> None:
    """Draw one character for each of some texts with the same vocabulary, from logits (B, V) float64.

    Every operation is elementwise or along a row, so no text depends on the others.
    """
    vocabulary = texts[0].model.vocabulary
    reported = [k for k, text in enumerate(texts) if text.logprobs is not None]
    own_logits = logits[reported]  # a copy, before the filters
    apply_filters_by_row(logits, [text.config for text in texts])
    kept = np.isfinite(logits[reported]).sum(axis=1).tolist()
    uniforms = np.array([text.uniform() for text in texts])
    ids = pick_(logits, uniforms, texts[0].model.network.kernels).tolist()
    tokens = [Token(vocabulary.shown[i]) for i in ids]
    if reported:
        most = max(texts[k].logprobs or 0 for k in reported)
        described = describe(vocabulary, own_logits, [ids[k] for k in reported], most)
        for k, token, count in zip(reported, described, kept, strict=True):
            assert token.top is not None
            tokens[k] = token._replace(top=token.top[: texts[k].logprobs], kept=count)
    for text, i, token in zip(texts, ids, tokens, strict=True):
        text.ids.append(i)
        text.add(token)


def show_prompt(text: TextRequest, logits: Array) -> None:
    """Report the character of the prompt that follows what has been read, from logits (V,)."""
    assert text.logprobs is not None
    (token,) = describe(
        text.model.vocabulary, logits[None].astype(np.float64), [text.ids[text.position]], text.logprobs
    )
    text.show(token)


def describe(vocabulary: Vocabulary, logits: Array, ids: Sequence[int], most: int) -> list[Token]:
    """Return a token for each row of logits (B, V) float64 and the id that followed, with up to `most` alternatives."""
    characters = vocabulary.shown
    logprobs = logits - logits.max(axis=1, keepdims=True)
    logprobs -= np.log(np.exp(logprobs).sum(axis=1, keepdims=True))
    own = logprobs[np.arange(len(ids)), ids].tolist()
    most = min(most, logprobs.shape[1] - len(vocabulary.label_ids))
    logprobs[:, vocabulary.label_ids] = -np.inf  # which are no alternative to a character
    if most == 0:
        return [Token(characters[i], value, []) for i, value in zip(ids, own, strict=True)]
    likely = np.argpartition(-logprobs, most - 1, axis=1)[:, :most]
    values = np.take_along_axis(logprobs, likely, axis=1)
    order = np.lexsort((likely, -values), axis=1)
    likely = np.take_along_axis(likely, order, axis=1).tolist()
    values = np.take_along_axis(values, order, axis=1).tolist()
    return [
        Token(characters[i], value, [(characters[j], v) for j, v in zip(js, vs, strict=True)])
        for i, value, js, vs in zip(ids, own, likely, values, strict=True)
    ]
