"""Responses whose client may go before they are complete: sent while being made, or given up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from charrnn.serving.errors import GONE, ApiError

T = TypeVar("T")
SPARE = 5.0  # seconds for the last event to be sent


class EventStream(StreamingResponse):
    """Server-sent events. A client that does not read them in time is cut off."""

    def __init__(self, events: AsyncIterator[bytes], seconds: float) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.move_on_after(self.seconds + SPARE):
            await super().__call__(scope, receive, send)


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """The result of some work, which is cancelled when the client goes. The request's body has been read.

    Raises
    ------
    ApiError
        499: the client has gone. What the work raises is raised as it is, not in a group.
    """
    results: list[T] = []
    failures: list[Exception] = []
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        try:
            results.append(await work())
        except Exception as error:
            failures.append(error)
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not results:
        raise ApiError(GONE, "the client has gone")
    return results[0]
