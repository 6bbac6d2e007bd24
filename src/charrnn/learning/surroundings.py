"""What a learner's program sees of the world: no files but its own, nothing to print to, figures that are not drawn."""

from __future__ import annotations

import io
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

FORBIDDEN = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.link",
             "os.symlink", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill",
             "os.killpg", "subprocess.Popen", "socket.connect", "socket.bind", "shutil.rmtree", "ctypes.dlopen",
             "signal.pthread_kill", "os.putenv", "webbrowser.open")  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Drawing(ModuleType):
    """A module that draws, and whatever it gives: slow to import, and of no use to a gradient."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Drawing(name)

    def __call__(self, *_: Any, **__: Any) -> Any:
        return Drawing(self.__name__)

    def __getitem__(self, _: Any) -> Any:
        return Drawing(self.__name__)

    def __iter__(self) -> Any:
        return iter((Drawing("figure"), Drawing("axes")))


class Draws(MetaPathFinder, Loader):
    """Finds the modules that draw."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        draws = fullname.partition(".")[0] in ("matplotlib", "mpl_toolkits", "seaborn", "plotly", "IPython")
        return ModuleSpec(fullname, self, is_package=True) if draws else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Drawing(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class Nowhere(io.TextIOBase):
    """Where what a program prints goes."""

    def write(self, text: str, /) -> int:
        return len(text)


def guard(folder: str) -> None:
    """Refuse what a forward and a backward pass has no need of, from here on."""
    home = os.path.realpath(folder) + os.sep

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writing = any(c in mode for c in "wax+") if isinstance(mode, str) else bool((flags or 0) & WRITING)
            if writing and not (
                isinstance(path, (str, bytes)) and os.path.realpath(os.fsdecode(path)).startswith(home)
            ):
                raise PermissionError(f"a program that is being checked may not write {path!r}")
        elif event in FORBIDDEN and not (event == "ctypes.dlopen" and arguments[0] is None):
            raise PermissionError(f"a program that is being checked may not call {event}")

    sys.addaudithook(hook)


def sample(*_: Any, **__: Any) -> io.StringIO:
    """What `open` gives while the program is loaded: a text with as many characters as the case has."""
    return io.StringIO("abacadaeafag" * 9)
