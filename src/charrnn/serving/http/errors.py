"""Errors as the API answers them: a status, and `{"error": {message, type, param, code}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

TYPES = {
    401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error",
    500: "server_error", 503: "server_error",
}  # fmt: skip
GONE = 499  # the client closed the connection: nobody reads this status, but the metrics count it


class ApiError(Exception):
    """An error with its HTTP answer.

    Parameters
    ----------
    status : int
        The HTTP status.
    message : str
        Names the value, the limit and the remedy.
    param : str, optional
        The field of the request that is wrong.
    code : str, optional
        A short name for programs.
    retry_after : int, optional
        Seconds after which a client may try again.
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
        # ASCII only: a field's name may hold half a surrogate pair, which JSON can express and UTF-8 cannot.
        return Response(json.dumps(self.body()), self.status, self.headers, media_type="application/json")


def shutting_down() -> ApiError:
    return ApiError(503, "the server is shutting down: try again later", code="shutting_down", retry_after=5)


def late() -> ApiError:
    return ApiError(503, "there was no place for this in time: try again later", code="late", retry_after=5)


def client_gone() -> ApiError:
    return ApiError(GONE, "the client has gone")


def internal_error() -> ApiError:
    """Anything unforeseen: the message reveals nothing."""
    return ApiError(500, "an error inside the server; its log says more", code="internal_error")


def not_found() -> ApiError:
    return ApiError(404, "there is nothing at this address", code="not_found")
