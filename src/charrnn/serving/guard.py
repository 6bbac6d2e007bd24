"""Checks before every request: who may ask, and how many at once. Sets security headers on every answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charrnn.serving.access import LOOPBACK
from charrnn.serving.http.errors import GONE, ApiError, internal_error
from charrnn.serving.service import Service
from charrnn.terminal import printable

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
HEALTH = "/healthz"
OPEN_TO_ALL = ("/", HEALTH)  # and the files of the page: what they show, they ask for with the key
STATIC = "/static/"
log = logging.getLogger("charrnn.serving")
SAFE = ("GET", "HEAD")


class Guard:
    """ASGI middleware around the whole application.

    Parameters
    ----------
    any_host : bool
        Answer under every host name, unless some are given.
    allowed_hosts : collection of str
        Names under which to answer, besides those of this machine for itself.
    """

    def __init__(
        self, app: ASGIApp, service: Service, api_key: str | None, any_host: bool, allowed_hosts: Collection[str]
    ) -> None:
        self.app, self.service, self.allowed_hosts = app, service, tuple(allowed_hosts)
        self.any_host = any_host and not allowed_hosts
        self.api_key = None if api_key is None else api_key.encode()
        self._unread = 0  # requests whose clients do not read the answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        service = self.service
        status = GONE  # unless an answer begins

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            self._unread += 1
            try:
                await send(message)  # returns at once if the client has read what was sent before
            finally:
                self._unread -= 1

        service.metrics.open_requests += 1
        try:
            self._check(scope)
            await self.app(scope, receive, send_with_headers)
        except ApiError as error:  # of the check: the application answers its own
            await error.response()(scope, receive, send_with_headers)
        except Exception:
            log.exception("a request to %s failed", printable(scope["path"]))
            if status == GONE:
                await internal_error().response()(scope, receive, send_with_headers)
        finally:
            service.metrics.open_requests -= 1
            route = scope.get("route")
            path = getattr(route, "path", "other")
            method = scope["method"] if scope["method"] in (*SAFE, "POST") else "other"
            service.metrics.requests[method, path, str(status)] += 1

    def _check(self, scope: Scope) -> None:
        """Raise ApiError if this request may not be answered."""
        headers = Headers(scope=scope)
        path: str = scope["path"]
        if not self.any_host and _host(f"//{headers.get('host', '')}") not in (*LOOPBACK, *self.allowed_hosts):
            names = ", ".join(("localhost", *self.allowed_hosts))
            raise ApiError(
                403, f"this server answers only to {names}: ask it under that name, or start it with --allowed-host",
                code="wrong_host",
            )  # fmt: skip
        if scope["method"] not in SAFE:
            self._check_origin(headers)
        if self.api_key is not None and path not in OPEN_TO_ALL and not path.startswith(STATIC):
            self._check_key(headers)
        if path != HEALTH and self.service.metrics.open_requests - self._unread > self.service.limits.max_requests:
            raise self.service.refusal("too many requests at the same time: try again later", "busy", 1)

    def _check_key(self, headers: Headers) -> None:
        """Accept the key as a bearer token, as API clients send it, or as the password of any user, as browsers do."""
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
            # A browser would ask for a password; where the page has sent a key, it says itself that this is wrong.
            challenge = "Bearer" if scheme.lower() == "bearer" else 'Basic realm="charrnn", charset="UTF-8"'
            raise ApiError(
                401,
                "the API key is missing or wrong: send it as 'Authorization: Bearer KEY'",
                code="invalid_api_key",
                headers={"www-authenticate": challenge},
            )

    def _check_origin(self, headers: Headers) -> None:
        """Refuse requests that a page of another site makes a browser send."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        foreign = site not in (None, "same-origin", "none")
        if origin is not None and (_split(origin).netloc.lower() or None) != headers.get("host", "").lower():
            foreign = foreign or _host(origin) not in self.allowed_hosts  # a proxy may pass another Host on
        if foreign:
            raise ApiError(403, "requests from pages of other sites are refused", code="cross_origin")


def _host(address: str) -> str:
    """Return the host name in an address, in lower case."""
    return (_split(address).hostname or "").lower().removesuffix(".")


def _split(address: str) -> SplitResult:
    """Split an address into its parts, which are empty if it is malformed."""
    try:
        parts = urlsplit(address)
        parts.hostname  # noqa: B018 (raises ValueError)
    except ValueError:
        return urlsplit("")
    return parts
