"""One request and its answer, with a client that may be slow or go away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from charrnn.serving.http.errors import ApiError, client_gone

T = TypeVar("T")
BODY_SECONDS = 30.0  # the time limit for sending a request's body
FLUSH_SECONDS = 5.0  # the time limit for sending the last event of a stream


async def read_json(request: Request, max_body: int) -> Any:
    """Return the request's body.

    Raises
    ------
    ApiError
        415: it is not declared as JSON; 413: it is too large; 408: it is too slow; 400: it is not JSON.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, f"the content type {kind[:60]!r} is not accepted: send application/json")
    too_large = ApiError(413, f"the request's body is too large: at most {max_body:,} bytes are accepted")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > max_body:
        raise too_large
    body = bytearray()
    try:
        with anyio.fail_after(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > max_body:
                    raise too_large
    except TimeoutError:
        raise ApiError(408, f"the request's body did not arrive within {BODY_SECONDS:g} seconds") from None
    except ClientDisconnect:
        raise client_gone() from None
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise ApiError(400, f"the request's body is not JSON: {reason}", code="invalid_json") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


class EventStream(StreamingResponse):
    """Server-sent events. A client that does not read them in time is cut off."""

    def __init__(self, events: AsyncIterator[bytes], seconds: float) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.move_on_after(self.seconds + FLUSH_SECONDS):
            await super().__call__(scope, receive, send)


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `work`, or cancel it when the client goes. The request's body has been read.

    Raises
    ------
    ApiError
        499: the client has gone. Errors of `work` are raised as they are, not in a group.
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
        raise client_gone()
    return results[0]
