"""Connections with limits: they are few enough, and one that sends no request is closed.

uvicorn has no such limits, so this overrides the event handlers of its HTTP/1.1 protocol, which are asyncio's own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

HEAD_SECONDS = 10.0  # the time limit for sending the whole head of a request
CLOSING_SECONDS = 60.0  # the time limit for reading the rest of an answer
SPARE = 100  # connections beyond the requests that are answered at the same time
BACKLOG = 16  # connections accepted in one go
FILES = 164  # file descriptors for everything else, such as connections that are being closed or are not yet counted
MOST_FILES = 65_536


class Connection(H11Protocol):
    """A connection, of which at most `most` are open: a further one replaces the one that has idled longest."""

    most = 1 << 30

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._watch()
        if len(self.connections) > self.most:
            idle = [c for c in self.connections if isinstance(c, Connection) and c.idle]
            min(idle, key=lambda c: c._idle_since, default=self)._drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()
        self._watch()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        if not self.idle:
            self._stop_timer()
        elif self._timer is None and self in self.connections:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _close(self) -> None:
        """Close, but give the client some time to read what has been answered."""
        self.transport.close()
        self._timer = self.loop.call_later(CLOSING_SECONDS, self._drop)

    def _drop(self) -> None:
        self.connections.discard(self)  # at once, so that the next connection is not counted with it
        self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connections(max_requests: int) -> type[Connection]:
    """Return a Connection class limited by `max_requests` and by the number of files that may be open."""
    limit: dict[str, Any] = {"most": max(1, min(max_requests + SPARE, open_files() - FILES))}
    return type("LimitedConnection", (Connection,), limit)


def open_files() -> int:
    """Raise this process's limit on open files as far as allowed, and return it."""
    if resource is None:
        return MOST_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # fall back to the current limit
            pass
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft
