"""The studies: one file for each question. A new study is one file here and one line in STUDIES."""

from __future__ import annotations

from charrnn.studies import batch_size, batching, cells, optimizers, progress, sampling
from charrnn.studies.lab import Lab, Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        batching.STUDY,
        batch_size.STUDY,
        optimizers.STUDY,
        sampling.STUDY,
        progress.STUDY,
        cells.STUDY,
    )
}

__all__ = ["STUDIES", "Lab", "Study"]
