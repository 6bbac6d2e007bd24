"""The catalogue of mistakes, by network. A new one is one line in the file of its network."""

from __future__ import annotations

from charrnn.learning.mistakes import gru, lstm, readout, recurrence, rnn
from charrnn.learning.mistakes.generated import generated
from charrnn.learning.mistakes.mistake import HEAD, Mistake, with_mistakes

MISTAKES: dict[str, list[Mistake]] = {
    "rnn": [*rnn.MISTAKES, *recurrence.MISTAKES, *recurrence.RNN_ONLY, *readout.MISTAKES],
    "lstm": [*lstm.MISTAKES, *recurrence.MISTAKES, *readout.MISTAKES],
    "gru": [*gru.MISTAKES, *gru.AFTER, *recurrence.without_product(), *readout.MISTAKES],
    "gru_before": [*gru.MISTAKES, *gru.BEFORE, *recurrence.around(), *readout.MISTAKES],
}

__all__ = ["HEAD", "MISTAKES", "Mistake", "generated", "with_mistakes"]
