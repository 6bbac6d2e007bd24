"""An address of the API: its handler, and its part of the OpenAPI document in words.

The types of requests and answers are in `requests` and `answers`. These need pydantic, and are imported only when a
request needs them, so that the server is ready sooner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from charrnn.serving.http.exchange import read_json
from charrnn.serving.service import Service


@dataclass(frozen=True)
class Operation:
    """A method of an address. The body of a POST is JSON.

    Parameters
    ----------
    id, summary : str
        Its name and its purpose, in the OpenAPI document.
    run : async function
        Answers a request; takes the request and, of a POST, the checked body.
    answer : str
        Describes the answer.
    errors : sequence of int
        Statuses besides those that every operation of its kind may answer with.
    needs_key : bool
        Whether the server's API key is asked for.
    """

    method: str
    path: str
    id: str
    summary: str
    run: Callable[..., Awaitable[Response]]
    answer: str
    errors: Sequence[int] = ()
    needs_key: bool = True

    @property
    def has_body(self) -> bool:
        return self.method == "POST"

    def route(self, service: Service, check: Callable[[str, Any], Any]) -> Route:
        """Return the address with its handler. `check` takes the operation's id and a body, and returns it checked."""

        async def read_and_run(request: Request) -> Response:
            service.check_open()
            return await self.run(request, check(self.id, await read_json(request, service.limits.max_body)))

        return Route(self.path, read_and_run if self.has_body else self.run, methods=[self.method])

    def statuses(self) -> list[int]:
        """Return the errors that it may answer with, in order."""
        found = {403, 429, 500, *self.errors}
        if self.needs_key:
            found.add(401)
        if self.has_body:
            found |= {400, 404, 408, 413, 415, 503}
        if "{id}" in self.path:
            found.add(404)
        return sorted(found)
