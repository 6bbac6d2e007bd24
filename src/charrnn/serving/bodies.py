"""Reading a request's body: JSON of a limited size, within a limited time."""

from __future__ import annotations

import json
from typing import Any

import anyio
from starlette.requests import ClientDisconnect, Request

from charrnn.serving.errors import GONE, ApiError

BODY_SECONDS = 30.0  # for a client to send its request's body


async def read_json(request: Request, max_body: int) -> Any:
    """The request's body.

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
        raise ApiError(GONE, "the client has gone") from None
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise ApiError(400, f"the request's body is not JSON: {reason}", code="invalid_json") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
