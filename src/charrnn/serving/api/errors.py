"""Errors of the domain as answers of the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from charrnn.errors import CharRNNError, UnknownCharacterError
from charrnn.serving.http.errors import ApiError, internal_error, not_found
from charrnn.serving.models import UnknownModelError, UnsavedModelError


def as_api_error(error: Exception) -> ApiError:
    """Translate any error; an unforeseen one reveals nothing."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return not_found()
        message = "the method is not allowed" if error.status_code == 405 else error.detail
        return ApiError(error.status_code, message, headers=error.headers)
    if isinstance(error, UnknownModelError):
        return ApiError(404, str(error), "model", "model_not_found")
    if isinstance(error, UnsavedModelError):
        code, retry_after = ("no_model_yet", 2) if error.pending else ("no_model", 60)
        return ApiError(503, str(error), "model", code, retry_after)
    if isinstance(error, CharRNNError):
        return ApiError(400, str(error))
    return internal_error()


async def answer_error(request: Request, error: Exception) -> Response:
    """The exception handler of the application."""
    return as_api_error(error).response()


@contextmanager
def characters_of(param: str) -> Iterator[None]:
    """Translate an unknown character in the field `param`, with the remedy that a request has."""
    try:
        yield
    except UnknownCharacterError as error:
        remedy = 'remove or replace it, or set on_unknown to "skip" to leave such characters out'
        raise ApiError(400, f"{error.found}: {remedy}", param, "unknown_character") from None
