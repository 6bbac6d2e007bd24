"""Run the server: one socket, one process, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

import uvicorn
from starlette.applications import Starlette

from charrnn.errors import ConfigError
from charrnn.interrupts import HANGUP, stop_signals
from charrnn.serving.http.connections import BACKLOG, connections
from charrnn.serving.service import Service

LAST_ANSWERS = 3.0  # seconds after the grace period for sending the last answers
FLUSH_SECONDS = 0.5  # for sending the last errors, when the server stops at once
WAITING = 1024  # connections that the system keeps until they are accepted
UNREAD = 1 << 16  # bytes that the system keeps for a client that does not read them; Linux takes twice as many


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    ConfigError
        The port is in use, or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)  # its connections inherit this
            listener.bind(address)
            listener.listen(WAITING)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another --port (0: any free one) or --host"
        ) from None
    return listener


class Server(uvicorn.Server):
    """Stops as a user expects: the first signal lets texts in progress finish, the second ends them."""

    def __init__(self, app: Starlette, on_start: Callable[[], None], on_signal: Callable[[str], None]) -> None:
        self.service: Service = app.state.service
        self.prepare: Callable[[], object] = app.state.prepare  # what the first request needs, and the start does not
        self.on_start, self.on_signal = on_start, on_signal
        config = uvicorn.Config(
            app, log_level="error", access_log=False, server_header=False, lifespan="on", ws="none",
            http=connections(self.service.limits.max_requests),
            timeout_graceful_shutdown=int(self.service.limits.grace + LAST_ANSWERS), backlog=BACKLOG, loop="asyncio",
        )  # fmt: skip
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals here: uvicorn would raise them again at the end."""
        loop = asyncio.get_running_loop()
        previous = {number: signal.getsignal(number) for number in stop_signals()}
        for number in previous:
            stop = self.stop_once if number == HANGUP else self.stop
            signal.signal(number, lambda *_, stop=stop: loop.call_soon_threadsafe(stop))
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():  # the backlog above is the number accepted in one go; more may wait
            listener.listen(WAITING)
        if self.started:
            self.on_start()
            asyncio.get_running_loop().run_in_executor(None, self.prepare)

    def stop(self) -> None:
        """Accept no new requests; let texts in progress finish in the grace period. A second call ends them."""
        loop = asyncio.get_running_loop()
        if self.should_exit:
            self.on_signal("stopping at once")
            self.service.close()
            loop.call_later(FLUSH_SECONDS, setattr, self, "force_exit", True)
            return
        grace = self.service.limits.grace
        writing = sum(engine.active + engine.queued for engine in self.service.engines())
        if writing:
            texts = "1 text" if writing == 1 else f"{writing} texts"
            self.on_signal(f"stopping: {texts} in progress may take {grace:g} s more; again to stop at once")
        self.service.closing = True
        loop.call_later(grace, self.service.close)
        self.should_exit = True

    def stop_once(self) -> None:
        """Stop, but never count as a second call: the parent process has exited, or the terminal was closed.

        A terminal sends SIGHUP more than once, and the parent may have exited because of the same Ctrl-C.
        """
        if not self.should_exit:
            self.stop()


def run_server(
    app: Starlette,
    listener: socket.socket,
    on_start: Callable[[], None],
    on_signal: Callable[[str], None],
    while_open: TextIO | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM, SIGHUP or the end of `while_open`; call `on_start` once requests are accepted."""

    def start() -> None:
        on_start()
        if while_open is not None:
            loop = asyncio.get_running_loop()
            threading.Thread(target=_at_end_of, args=(while_open, loop, server.stop_once), daemon=True).start()

    server = Server(app, start, on_signal)
    with contextlib.closing(listener):
        asyncio.run(server.serve(sockets=[listener]))


def _at_end_of(file: TextIO, loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    file.read()
    with contextlib.suppress(RuntimeError):  # the loop is already closed
        loop.call_soon_threadsafe(stop)
