"""The catalogue of mistakes, by network. A new one is one line in the file of its network."""

from __future__ import annotations

from charrnn.learning.mistakes import gru, lstm, readout, recurrence, rnn
from charrnn.learning.mistakes.generated import generated
from charrnn.learning.mistakes.mistake import HEAD, Mistake, is_forward, with_mistakes

MISTAKES: dict[str, list[Mistake]] = {
    "rnn": [*rnn.MISTAKES, *recurrence.MISTAKES, *recurrence.RNN_ONLY, *readout.MISTAKES],
    "lstm": [
        *lstm.MISTAKES,
        *recurrence.MISTAKES,
        *recurrence.of_gates("ifgo", "d_a", "W", "rnn.4"),
        *readout.MISTAKES,
    ],
    "gru": [
        *gru.MISTAKES,
        *gru.AFTER,
        *recurrence.without_product(),
        *recurrence.of_gates("rzn", "d_y", "W", "gru.5"),
        *readout.MISTAKES,
    ],
    "gru_before": [
        *gru.MISTAKES,
        *gru.BEFORE,
        *recurrence.around(),
        *recurrence.of_gates("rzn", "", "", ""),
        *readout.MISTAKES,
    ],
}

__all__ = ["HEAD", "MISTAKES", "Mistake", "generated", "is_forward", "with_mistakes"]
