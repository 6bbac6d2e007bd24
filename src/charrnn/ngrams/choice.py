"""Which experts a network knows: what `--ngrams` may name.

In a script without spaces every character is a word of its own, and the chain of words says little that the chain of
characters does not. Mixed log-linearly, with weights fitted on every other character, the two predict a Chinese text
with 3.201 nats per character, and the characters alone with 3.206; a Bengali text with 1.152 and 1.190.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.config import REGISTRIES
from charrnn.ngrams.chains import CHAINS, is_letter, stands_alone
from charrnn.settings import Setting
from charrnn.text.vocabulary import BOUNDARY, FIRST_LABEL

BEST = ("characters", "words")
RARE = 2
PRUNE = Setting(
    "prune", "int", "with --ngrams, the model file leaves out the longest contexts that occur less often than this; "
    f"0 = none [default: {RARE}, which costs nothing and halves the file]", optional=True, least=0, most=1 << 30,
    group="model",
)  # fmt: skip


class Choice(NamedTuple):
    """The chains of the experts."""

    chains: tuple[str, ...]

    @property
    def settings(self) -> tuple[Setting, ...]:
        return (PRUNE,) if self.chains else ()


EXPERTS = {
    "none": Choice(()),
    "auto": Choice(BEST),
    "adapting": Choice((*BEST, "recent")),
    **{name: Choice((name,)) for name in CHAINS},
}
REGISTRIES["ngrams"] = EXPERTS
SEEN = 1 << 20  # characters of a text that decide


def choose_experts(choice: str, characters: str, ids: Array) -> tuple[str, ...]:
    """The chains that a choice means for a text, ids (N,), over a vocabulary.

    `auto` and `adapting` leave out the words if more than half of the letters belong to a script without spaces. In
    labelled documents they also count what follows each label.
    """
    chains = EXPERTS[choice].chains
    if chains[:2] != BEST:
        return chains
    if characters.startswith(BOUNDARY) and characters[-1] >= FIRST_LABEL:
        chains += ("labels",)
    counts = np.bincount(ids[:SEEN], minlength=len(characters))
    letters, alone = (counts @ np.array([test(c) for c in characters]) for test in (is_letter, stands_alone))
    return tuple(name for name in chains if name != "words") if alone > letters / 2 else chains
