"""Errors as the API tells them: a status, and `{"error": {message, type, param, code}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from charrnn.errors import CharRNNError, UnknownCharacterError

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
GONE = 499  # the client closed the connection: nobody reads this, but the counters do


class ApiError(Exception):
    """What a client did wrong, or met.

    Parameters
    ----------
    status : int
        The HTTP status.
    message : str
        Names the value, the limit and the remedy.
    param : str, optional
        The field of the request that is to blame.
    code : str, optional
        A short name for programs.
    retry_after : int, optional
        Seconds after which another try is sensible.
    """

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(retry_after)

    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        # Only ASCII: the name of a field may hold half a surrogate pair, which JSON can say and UTF-8 cannot.
        return Response(json.dumps(self.body()), self.status, self.headers, media_type="application/json")


def shutting_down() -> ApiError:
    return ApiError(503, "the server is shutting down: try again later", code="shutting_down", retry_after=5)


def late() -> ApiError:
    return ApiError(503, "there was no place for this in time: try again later", code="late", retry_after=5)


def unknown_character(error: UnknownCharacterError, param: str) -> ApiError:
    """The same with the remedy that a request has. `param` is the field that holds the text."""
    remedy = 'remove or replace it, or set on_unknown to "skip" to leave such characters out'
    return ApiError(400, f"{error.found}: {remedy}", param, "unknown_character")


def as_api_error(error: Exception) -> ApiError:
    """Any exception as one of the API; what was not foreseen is a 500 that gives nothing away."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        known = {404: ("there is nothing at this address", "not_found"), 405: ("the method is not allowed", None)}
        message, code = known.get(error.status_code, (error.detail, None))
        return ApiError(error.status_code, message, code=code, headers=error.headers)
    if isinstance(error, CharRNNError):
        return ApiError(400, str(error))
    return ApiError(500, "an error inside the server; its log says more", code="internal_error")


async def answer_error(request: Request, error: Exception) -> Response:
    """The exception handler of the application."""
    return as_api_error(error).response()
