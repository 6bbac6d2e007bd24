"""The studies: one file for each question. A new study is one file here and one name in the tuple below."""

from __future__ import annotations

from charrnn.studies import batch_size, batching, cells, memory, ngrams, optimizers, progress, sampling
from charrnn.studies.lab import Lab, Study

_MODULES = (batching, batch_size, optimizers, sampling, progress, cells, ngrams, memory)
STUDIES: dict[str, Study] = {module.STUDY.name: module.STUDY for module in _MODULES}

__all__ = ["STUDIES", "Lab", "Study"]
