"""A function of the user's own, named on the command line as MODULE:FUNCTION."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from charrnn.errors import ConfigError
from charrnn.settings import shown


def user_function(flag: str, name: str) -> Callable[[str], bool]:
    """Return the function that a flag names. Its module may be in the working folder.

    Raises
    ------
    ConfigError
        There is no such function. An error that the function raises also becomes a ConfigError.
    """
    module_name, colon, function_name = name.partition(":")
    if not colon or not module_name or not function_name.isidentifier():
        raise ConfigError(f"{flag} {shown(name)} is not MODULE:FUNCTION, such as my_rules:is_valid for my_rules.py")
    sys.path.insert(0, os.getcwd())
    try:
        module = import_module(module_name)
    except Exception as error:  # whatever the user's module raises
        raise ConfigError(f"{flag} {name}: '{module_name}' cannot be imported: {_words(error)}") from None
    finally:
        sys.path.remove(os.getcwd())
    function: Any = getattr(module, function_name, None)
    if not callable(function):
        raise ConfigError(f"{flag} {name}: '{module_name}' has no function '{function_name}'")

    def accepts(text: str) -> bool:
        try:
            return bool(function(text))
        except Exception as error:
            raise ConfigError(f"{flag} {name} failed at {shown(text)}: {_words(error)}") from None

    return accepts


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
