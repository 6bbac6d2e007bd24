"""The application: all addresses, and the guard before them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from charrnn.errors import CharRNNError
from charrnn.serving.api import completions, page, page_files, status
from charrnn.serving.api import models as models_api
from charrnn.serving.api.errors import answer_error
from charrnn.serving.api.operations import Operation
from charrnn.serving.guard import Guard
from charrnn.serving.http.errors import ApiError
from charrnn.serving.limits import Limits
from charrnn.serving.models import Models
from charrnn.serving.service import Service
from charrnn.threads import blas_threads

if TYPE_CHECKING:
    from charrnn.serving.api.fields import Body


def make_app(
    models: Models,
    limits: Limits | None = None,
    *,
    api_key: str | None = None,
    any_host: bool = False,
    allowed_hosts: Collection[str] = (),
) -> Starlette:
    """Return the ASGI application that serves some models.

    Parameters
    ----------
    models : Models
    limits : Limits, optional
    api_key : str, optional
        A key that every request must send, except those for `/healthz` and the files of the page.
    any_host : bool
        Accept requests under any host name. By default only this machine's loopback names are answered, so that a page
        elsewhere cannot reach the server through a name of its own (DNS rebinding).
    allowed_hosts : collection of str
        Further names to answer to, such as that of a proxy on this machine. `any_host` then has no effect.
    """
    service = Service(models, limits or Limits())

    @cache
    def bodies() -> dict[str, type[Body]]:
        from charrnn.serving.api.requests import request_bodies

        return request_bodies(models.ids, service.limits)

    @cache
    def document() -> bytes:
        from charrnn.serving.api.openapi import openapi_document

        return json.dumps(openapi_document(operations, bodies(), models.ids[0], api_key is not None)).encode()

    async def openapi(request: Request) -> Response:
        return Response(document(), media_type="application/json")

    def checked(id: str, values: Any) -> Body:
        from charrnn.serving.api.fields import check

        return check(bodies()[id], values)

    operations = [
        *(each for room in (completions, models_api, status, page) for each in room.operations(service)),
        Operation("GET", "/openapi.json", "getDescription", "Return this document.", openapi, "OpenAPI 3.1."),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # The limit is the whole process's, and each block restores what it found: the inner ones must find 1.
        with blas_threads(1):
            yield
            await run_in_threadpool(service.close)

    app = Starlette(
        routes=[*(each.route(service, checked) for each in operations), *page_files.routes],
        middleware=[
            Middleware(Guard, service=service, api_key=api_key, any_host=any_host, allowed_hosts=allowed_hosts)
        ],
        exception_handlers=dict.fromkeys((ApiError, CharRNNError, HTTPException), answer_error),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service, app.state.prepare = service, bodies
    return app
