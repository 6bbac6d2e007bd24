"""The compiled code with a bug planted in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from charrnn.nn.kernels import compile, library
from charrnn.nn.kernels.library import functions, instructions

SOURCES = Path(library.__file__).parent / "c"
can_be_broken = pytest.mark.skipif(
    not instructions() or shutil.which("cc") is None,
    reason="the kernels are not compiled here, or there is no command cc",
)


@contextmanager
def a_bug(file: str, right: str, wrong: str, precision: str, folder: Path) -> Iterator[str]:
    """Use a library of one precision, compiled with `wrong` in place of `right`; gives its instructions."""
    shutil.copytree(SOURCES, folder / "c")
    source = (folder / "c" / file).read_text("utf-8")
    assert source.count(right) == 1
    (folder / "c" / file).write_text(source.replace(right, wrong), "utf-8")
    name, (flags, size) = next(iter(compile.INSTRUCTIONS[os.uname().machine].items()))
    target = folder / library.PATH.name
    flags = [*flags, *compile.variant(precision, name, size)]
    command = ["cc", "-std=gnu11", "-O0", "-fPIC", "-shared", *flags, "kernels.c", "-o", target, "-lm"]
    subprocess.run(command, cwd=folder / "c", check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "PATH", target)
        functions.cache_clear()
        try:
            yield name
        finally:
            functions.cache_clear()
