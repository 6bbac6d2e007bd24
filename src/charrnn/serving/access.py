"""Who can reach the server: the names it answers to, and whether other people share the machine."""

from __future__ import annotations

import os
import re
import sys

from charrnn.errors import ConfigError

try:
    import pwd
except ImportError:  # Windows
    pwd = None  # type: ignore[assignment]

LOOPBACK = ("localhost", "127.0.0.1", "::1")  # the names of this machine for itself
FIRST_PERSON = 500 if sys.platform == "darwin" else 1000  # smaller user ids belong to the system
HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f]*:[0-9a-f:.]*")


def host_name(given: str) -> str:
    """Return a host name as requests are compared with it.

    Raises
    ------
    ConfigError
        It is no host name.
    """
    name = given.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    if not HOST_NAME.fullmatch(name):
        raise ConfigError(
            f"--allowed-host {given[:80]!r} is not a host name: give the name alone, such as llm.example.org, "
            "without a scheme, port or path"
        )
    return name


def others_share_this_machine() -> bool:
    """Return whether more than one person has an account here, or a process that runs."""
    if pwd is None:
        return False
    people = {entry.pw_uid for entry in pwd.getpwall() if _is_person(entry)}
    for uid in {os.getuid(), *_owners_of_processes()} - people:
        try:
            if _is_person(pwd.getpwuid(uid)):  # accounts from a directory service are not listed
                people.add(uid)
        except KeyError:  # noqa: PERF203 (the user of a container)
            continue
    return len(people) > 1


def _is_person(entry: pwd.struct_passwd) -> bool:
    if entry.pw_uid < FIRST_PERSON or entry.pw_name == "nobody":
        return False
    return os.path.basename(entry.pw_shell) not in ("", "nologin", "false", "sync")


def _owners_of_processes() -> set[int]:
    owners = set()
    try:
        with os.scandir("/proc") as entries:
            for entry in entries:
                if entry.name.isdigit():
                    try:
                        owners.add(entry.stat().st_uid)
                    except OSError:  # it has ended
                        continue
    except OSError:  # not Linux
        pass
    return owners
