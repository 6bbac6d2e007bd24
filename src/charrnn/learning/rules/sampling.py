"""How a character is drawn, as a learner writes it, and what goes wrong: temperature, top-k, top-p, the draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.learning.rules.rule import Rule, Wrong, one


def sampling(o: Any, temperature: float, top_k: int, top_p: float) -> Any:
    """The distribution (V,) from which the next character is drawn, of logits o (V,)."""
    o = o / temperature
    p = np.exp(o) / np.exp(o).sum()
    order = np.argsort(-p)
    ranked = p[order]
    needed = 1 + np.searchsorted(np.cumsum(ranked), top_p)
    kept = order[: min(top_k, needed)]
    p = np.where(np.isin(np.arange(len(p)), kept), p, 0)
    p = p / p.sum()
    return p  # noqa: RET504  (mistakes take this line alone)


_TAU, _SOFTMAX = "o = o / temperature", "p = np.exp(o) / np.exp(o).sum()"
_DRAW, _LAST = "return p  #", "p = p / p.sum()\n    return p  #"
_NEEDED, _KEPT = "1 + np.searchsorted(np.cumsum(ranked), top_p)", "order[: min(top_k, needed)]"

TEMPERATURE = (
    one("temperature-multiplied", "sampling.1", _TAU, "o = o * temperature",
        "The logits are multiplied by the temperature. Divide them: below 1 the likely characters gain."),
    Wrong("temperature-after-softmax", "sampling.1", ((_TAU, "o = o / 1"),
          (_SOFTMAX, f"{_SOFTMAX}\n    p = np.exp(p / temperature) / np.exp(p / temperature).sum()")),
          "The probabilities are divided by the temperature and go through a softmax again. Divide the logits, before "
          "the softmax."),
    one("temperature-ignored", "sampling.1", _TAU, "o = o / 1",
        "The temperature changes nothing: it is not used, or it divides probabilities, and cancels. Divide the logits, "
        "before exp."),
    Wrong("temperature-as-a-power-of-p", "sampling.1", ((_TAU, "o = o * temperature**2"),),
          "The logits are multiplied by the temperature twice."),
)  # fmt: skip
TOP_K = (
    one("one-too-many", "sampling.2", _KEPT, "order[: min(top_k + 1, needed)]",
        "k + 1 characters are kept: the one at the limit as well."),
    one("one-too-few", "sampling.2", _KEPT, "order[: min(top_k - 1, needed)]", "Only k − 1 characters are kept."),
    one("least-likely-kept", "sampling.2", "np.argsort(-p)", "np.argsort(p)",
        "The least likely characters are kept: the order is that from the smallest."),
    one("first-in-the-vocabulary-kept", "sampling.2", _KEPT, "np.arange(top_k)",
        "The first k characters of the vocabulary are kept. Keep the k likeliest."),
    one("removed-logits-set-to-zero", "sampling.2", _LAST,
        "p = np.where(p > 0, np.exp(o), 1)\n    p = p / p.sum()\n    return p  #",
        "The logits of the others are set to 0, which is a probability of exp(0) = 1 before the sum. Set them to −∞."),
    one("ranks-for-ids", "sampling.2", _KEPT, "np.argsort(order)[: min(top_k, needed)]",
        "Places in the sorted order are taken for ids of characters. Map them back through the order."),
    one("uniform-among-the-kept", "sampling.2", _LAST, "p = (p > 0) / (p > 0).sum()\n    return p  #",
        "All characters that are kept are equally likely. Keep their probabilities."),
    one("not-filtered", "sampling.2", _KEPT, "order", "k changes nothing."),
    one("not-normalised", "sampling.2", _LAST, "return p  #", "What is left does not sum to 1: divide by its sum."),
)  # fmt: skip
TOP_P = (
    one("one-too-few", "sampling.3", _NEEDED, "max(1, np.searchsorted(np.cumsum(ranked), top_p))",
        "The character that reaches top_p is left out. Keep it: the share of those kept is at least top_p."),
    one("one-too-many", "sampling.3", _NEEDED, "2 + np.searchsorted(np.cumsum(ranked), top_p)",
        "One character too many is kept: the one that reaches top_p is the last."),
    one("least-likely-kept", "sampling.3", "np.argsort(-p)", "np.argsort(p)",
        "It begins with the least likely character. Begin with the likeliest."),
    one("not-sorted", "sampling.3", "np.argsort(-p)", "np.arange(len(p))",
        "It takes the characters in the order of the vocabulary. Begin with the likeliest."),
    one("others-removed", "sampling.3", _KEPT, "order[min(top_k, needed) :]",
        "The nucleus is removed, and the rest is kept."),
    one("share-of-each", "sampling.3", _KEPT, "order[ranked >= 1 - top_p]",
        "Characters are kept by their own probability. Add the probabilities up, from the likeliest."),
    one("share-of-each", "sampling.3", _KEPT, "order[ranked >= top_p]",
        "Characters are kept by their own probability. Add the probabilities up, from the likeliest."),
    *(wrong._replace(equation="sampling.3", explanation=wrong.explanation.replace("k changes", "top_p changes"))
      for wrong in TOP_K if wrong.name in ("removed-logits-set-to-zero", "ranks-for-ids", "uniform-among-the-kept",
                                           "not-filtered", "not-normalised")),
)  # fmt: skip
DRAW = (
    one("likeliest-taken", "sampling.4", _DRAW, "return (p == p.max()) * 1.0  #",
        "The likeliest character is always taken: argmax, or a seed that is set at every call. Draw one by its "
        "probability."),
    one("least-likely-taken", "sampling.4", _DRAW, "return (p == p[p > 0].min()) * 1.0  #",
        "The least likely character is always taken."),
    one("drawn-uniformly", "sampling.4", _DRAW, "return (p > 0) / (p > 0).sum()  #",
        "Every character is drawn equally often: the probabilities are not used."),
    one("id-off-by-one", "sampling.4", _DRAW, "return np.roll(p, 1)  #", "The id is one too large."),
    one("id-off-by-one", "sampling.4", _DRAW, "return np.roll(p, -1)  #", "The id is one too small."),
    one("id-off-by-one", "sampling.4", _DRAW, "return np.append(p[1:], 0) + np.eye(len(p))[0] * p[0]  #",
        "The id is one too small: searchsorted gives the place already."),
    one("drawn-from-the-logits", "sampling.4", _DRAW, "return np.maximum(o, 0) / np.maximum(o, 0).sum()  #",
        "It draws by the logits. Draw by the probabilities."),
    one("softmax-missing", "readout.2", _SOFTMAX, "p = o / o.sum()",
        "The softmax is missing: the logits are divided by their sum."),
    one("softmax-twice", "readout.2", _SOFTMAX, "p = np.exp(np.exp(o) / np.exp(o).sum())\n    p = p / p.sum()",
        "The softmax is applied to probabilities."),
)  # fmt: skip


def _rule(title: str, equation: str, mistakes: tuple[Wrong, ...]) -> Rule:
    return Rule(title, sampling, equation, mistakes)


# What each setting can do wrong; the draw itself last.
SAMPLING: dict[str, Rule] = {
    "draw": _rule("the draw", "sampling.4", DRAW),
    "temperature": _rule("temperature", "sampling.1", (*TEMPERATURE, *DRAW)),
    "top_k": _rule("top-k", "sampling.2", (*TOP_K, *DRAW)),
    "top_p": _rule("top-p", "sampling.3", (*TOP_P, *DRAW)),
}
