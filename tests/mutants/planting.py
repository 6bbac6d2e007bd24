"""Plant a bug: replace words in the source of one function, for the time of a block."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def planted(owner: Any, name: str, old: str, new: str) -> Iterator[None]:
    """`owner.name`, a method of a class or a function of a module, with `old` (found exactly once) replaced by `new`.

    A function that other modules have imported by name is replaced there, too.
    """
    original = inspect.getattr_static(owner, name)
    function = original.__func__ if isinstance(original, staticmethod) else original
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {function.__qualname__}"
    code = source.replace(old, new).replace("@staticmethod\n", "")
    namespace = dict(vars(sys.modules[function.__module__]))
    exec(compile(code, f"<{name} with a planted bug>", "exec"), namespace)
    mutant = namespace[name]
    places = [(owner, name)]
    if not inspect.isclass(owner):
        places += [
            (module, name)
            for key, module in list(sys.modules.items())
            if key.startswith(("charrnn", "tests")) and vars(module).get(name) is original and module is not owner
        ]
    try:
        for place, attribute in places:
            setattr(place, attribute, staticmethod(mutant) if isinstance(original, staticmethod) else mutant)
        yield
    finally:
        for place, attribute in places:
            setattr(place, attribute, original)
