"""Writing text: filters on the next character's distribution, and the loop that draws from it."""

from charrnn.generation.filters import FILTERS, SamplingConfig, make_sampling
from charrnn.generation.many import WritesTexts
from charrnn.generation.sample import Writer
from charrnn.generation.steps import END, TextState

__all__ = ["END", "FILTERS", "SamplingConfig", "TextState", "Writer", "WritesTexts", "make_sampling"]
