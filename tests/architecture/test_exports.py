"""What is public is said once: in the package's docstring, and in `__all__`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest

import charrnn

ROOMS = [
    importlib.import_module(info.name)
    for info in pkgutil.iter_modules(charrnn.__path__, "charrnn.")
    if info.ispkg and info.name != "charrnn.serving"  # importing the server needs its extra
]


def test_the_documented_names_are_the_exported_ones() -> None:
    documented = re.findall(r"^- `(\w+)`: \w", charrnn.__doc__ or "", re.MULTILINE)
    assert sorted(documented) == charrnn.__all__


def test_nothing_else_is_visible_but_modules() -> None:
    visible = {name for name, value in vars(charrnn).items() if not isinstance(value, ModuleType)}
    assert {name for name in visible if not name.startswith("__")} <= {*charrnn.__all__, "TYPE_CHECKING", "Any"}
    with pytest.raises(AttributeError, match="module 'charrnn' has no attribute 'chek'"):
        getattr(charrnn, "chek")  # noqa: B009


@pytest.mark.parametrize("module", [charrnn, *ROOMS], ids=lambda module: module.__name__)
def test_every_exported_name_exists_and_is_documented(module: ModuleType) -> None:
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    for name in exported:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
            assert value.__doc__ != dict.__doc__, name
