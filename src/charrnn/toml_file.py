"""TOML files: recipes and sweeps. Strangers may have written them: what reading one takes is bounded by its size."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 1 << 20
# Opening a named pipe must not wait for someone to write into it.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# The time to read a key grows with the square of its parts: nobody needs a hundred.
_LONG_KEY = re.compile(r"""(?<![\w."'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){100}""")


def read_toml(path: Path, name: str) -> dict[str, Any]:
    """The content of a TOML file; `name` begins each message, such as "recipe 'mine.toml'".

    Raises
    ------
    ConfigError
        It is not a file, is too large, or is not TOML.
    """
    try:
        content = _read(path)
    except OSError as error:
        raise ConfigError(f"cannot read the {name}: {error.strerror or error}") from None
    except ValueError as error:  # not UTF-8, or no path
        raise ConfigError(f"cannot read the {name}: {error}") from None
    if _LONG_KEY.search(content):
        raise ConfigError(f"{name} is not valid TOML: it has a key of more than a hundred parts")
    try:
        return tomllib.loads(content)
    except RecursionError:
        raise ConfigError(f"{name} is not valid TOML: its values are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, dates out of range, and numbers of thousands of digits
        reason = "a number has too many digits" if "digits" in str(error) else " ".join(str(error).split())
        raise ConfigError(f"{name} is not valid TOML: {reason[:200]}") from None


def _read(path: Path) -> str:
    handle = os.open(path, FLAGS)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "it is not a file")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(0, f"it is longer than {MOST_BYTES:,} bytes")
    return content.decode("utf-8-sig")
