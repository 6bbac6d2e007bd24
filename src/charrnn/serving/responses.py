"""A response that is sent while it is being made, for a limited time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

SPARE = 5.0  # seconds for the last event to be sent


class EventStream(StreamingResponse):
    """Server-sent events. A client that does not read them in time is cut off."""

    def __init__(self, events: AsyncIterator[bytes], seconds: float) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.move_on_after(self.seconds + SPARE):
            await super().__call__(scope, receive, send)
