"""The recurrent cells: elementwise maths of one time step. A new cell is one file here and one line in CELLS."""

from __future__ import annotations

from charrnn.nn.cells.cell import Cell, Step
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN

CELLS: dict[str, type[Cell]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}

__all__ = ["CELLS", "Cell", "Step"]
