"""Connections with limits: they are few enough, and one that sends no request, or reads no answer, is closed.

The next request of a connection is begun when the client has read the answer before it. A client that reads nothing
thus holds one answer, a few hundred kilobytes of requests that nobody has looked at, and no place of another client.

uvicorn has no such limits, so this overrides the event handlers of its HTTP/1.1 protocol, which are asyncio's own.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

HEAD_SECONDS = 10.0  # the time limit for sending the whole head of a request
READ_SECONDS = 20.0  # in which a client must read some of an answer: its system reports about 40,000 bytes at a time
SPARE = 100  # connections beyond the requests that are answered at the same time
MOST_UNREAD = 256_000_000  # bytes of all answers that wait to be read
BACKLOG = 16  # connections accepted in one go
FILES = 164  # file descriptors for everything else, such as connections that are being closed or are not yet counted
MOST_FILES = 65_536
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Connection(H11Protocol):
    """A connection, of which at most `most` are open: a further one replaces the one that has idled longest.

    One whose client does not read counts as idle.
    """

    most = 1 << 30
    turns: ClassVar[deque[Connection]] = deque()  # connections that have sent their next request before the last answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # `pause_writing` is called as soon as anything is unread
        self._idle_since = self.loop.time()
        self._unread_bytes, self._in_turn = 0, False
        self._timer: asyncio.TimerHandle | None = None
        self._at_timer: Callable[[], None] | None = None
        self._watch()
        if len(self.connections) > self.most:
            self._drop_longest([c for c in self._others() if c.idle or c.unread])

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def handle_events(self) -> None:
        """Begin what the client asks for, but only when it has read what it asked for before."""
        if self.unread or self._in_turn:
            self.flow.pause_reading()
        else:
            super().handle_events()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._idle_since, self._unread_bytes = self.loop.time(), self.transport.get_write_buffer_size()
        self._watch()
        if self._unread_bytes * len(self.connections) > MOST_UNREAD:  # else the sum is bounded, too
            unread = [c for c in self._others() if c.unread]
            if sum(c.transport.get_write_buffer_size() for c in unread) > MOST_UNREAD:
                self._drop_longest(unread)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._idle_since = self.loop.time()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        self._in_turn = bool(self.conn.trailing_data[0])
        super().on_response_complete()
        if self._in_turn:
            self.turns.append(self)
            if len(self.turns) == 1:
                self.loop.call_soon(self._take_turns)
        self._watch()

    def _take_turns(self) -> None:
        """Let one connection go on, then look after the others: first requests come before further ones."""
        first = self.turns.popleft()
        if self.turns:
            self.loop.call_soon(self._take_turns)
        first._in_turn = False
        if not (first.unread or first.transport.is_closing()):
            first.flow.resume_reading()
            first.handle_events()
            first._watch()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def unread(self) -> bool:
        """Whether a part of an answer waits for the client to read."""
        return self.flow.write_paused

    def _others(self) -> list[Connection]:
        """Return all open connections, with this one."""
        return [c for c in self.connections if isinstance(c, Connection)]

    def _watch(self) -> None:
        """Set the timer that the connection's state needs, unless it runs already."""
        wanted = self._check_reading if self.unread else self.transport.close if self.idle else None
        if wanted == self._at_timer:
            return
        self._stop_timer()
        if wanted is not None and self in self.connections:
            self._timer = self.loop.call_later(READ_SECONDS if self.unread else HEAD_SECONDS, wanted)
            self._at_timer = wanted

    def _check_reading(self) -> None:
        """Drop a client that has read nothing since the last look."""
        self._at_timer = None
        before, self._unread_bytes = self._unread_bytes, self.transport.get_write_buffer_size()
        if self._unread_bytes >= before:
            self._drop()
        else:
            self._watch()

    def _drop_longest(self, connections: Iterable[Connection]) -> None:
        min(connections, key=lambda c: c._idle_since, default=self)._drop()

    def _drop(self) -> None:
        self.connections.discard(self)  # at once, so that the next connection is not counted with it
        if self.unread:  # the system must not keep the answer for this client either
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._at_timer = None


def connections(max_requests: int) -> type[Connection]:
    """Return a Connection class limited by `max_requests` and by the number of files that may be open."""
    limit: dict[str, Any] = {"most": max(1, min(max_requests + SPARE, open_files() - FILES)), "turns": deque()}
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
