"""What stands before every request: who may ask, how many at once, and headers on every answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charrnn.serving import LOOPBACK
from charrnn.serving.errors import GONE, ApiError, as_api_error
from charrnn.serving.state import State

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
OPEN_TO_ALL = ("/healthz",)
log = logging.getLogger("charrnn.serving")
SAFE = ("GET", "HEAD")


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, state: State, api_key: str | None, any_host: bool) -> None:
        self.app, self.state, self.any_host = app, state, any_host
        self.api_key = None if api_key is None else api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        metrics = self.state.metrics
        status = GONE  # unless an answer begins

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        metrics.open_requests += 1
        try:
            self._check(scope)
        except Exception as error:
            if not isinstance(error, ApiError):
                log.exception("a request to %s could not be checked", scope["path"])
            await as_api_error(error).response()(scope, receive, send_with_headers)
        else:
            await self._answer(scope, receive, send_with_headers, lambda: status == GONE)
        finally:
            metrics.open_requests -= 1
            route = scope.get("route")
            path = getattr(route, "path", "other")
            method = scope["method"] if scope["method"] in (*SAFE, "POST") else "other"
            metrics.requests[method, path, status] += 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send, nothing_sent: Callable[[], bool]) -> None:
        """The application's answer; or, where it fails, one that gives nothing away."""
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            log.exception("a request to %s failed", scope["path"])
            if nothing_sent():
                await as_api_error(error).response()(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Whether this request may be answered at all; ApiError says why not."""
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host", ""))
        if not self.any_host and host not in LOOPBACK:
            raise ApiError(403, "this server answers only to localhost: ask it under that name", code="wrong_host")
        if scope["method"] not in SAFE:
            _check_origin(headers)
        if self.api_key is not None and scope["path"] not in OPEN_TO_ALL:
            self._check_key(headers)
        if self.state.metrics.open_requests > self.state.limits.max_requests:
            self.state.metrics.refused += 1
            raise ApiError(429, "too many requests at the same time: try again later", code="busy", retry_after=1)

    def _check_key(self, headers: Headers) -> None:
        """The key as a bearer token, as API clients send it, or as the password of any user, as browsers can."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        given = b""
        if scheme.lower() == "bearer":
            given = value.strip().encode("latin-1")  # the bytes as they came
        elif scheme.lower() == "basic":
            try:
                given = base64.b64decode(value, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                given = b""
        if not hmac.compare_digest(given, self.api_key or b""):
            raise ApiError(
                401,
                "the API key is missing or wrong: send it as 'Authorization: Bearer KEY'",
                code="invalid_api_key",
                headers={"www-authenticate": 'Basic realm="charrnn", charset="UTF-8"'},
            )


def _check_origin(headers: Headers) -> None:
    """Refuse what a page of another site makes a browser send."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    foreign = site not in (None, "same-origin", "none")
    if origin is not None and _address(origin) != headers.get("host", "").lower():
        foreign = True
    if foreign:
        raise ApiError(403, "requests from pages of other sites are refused", code="cross_origin")


def _address(origin: str) -> str | None:
    """Host and port of an Origin header; None where it is malformed, or has none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
