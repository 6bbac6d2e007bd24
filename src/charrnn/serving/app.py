"""The application: all routes, and what stands before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from charrnn.errors import CharRNNError
from charrnn.serving import openai_api, page_api, service_api
from charrnn.serving.errors import ApiError, answer_error
from charrnn.serving.guard import Guard
from charrnn.serving.limits import Limits
from charrnn.serving.models import Models
from charrnn.serving.openapi import api_description
from charrnn.serving.page_openapi import openapi_paths
from charrnn.serving.state import State
from charrnn.threads import blas_threads


def make_app(
    models: Models, limits: Limits | None = None, *, api_key: str | None = None, any_host: bool = False
) -> Starlette:
    """The ASGI application that serves some models.

    Parameters
    ----------
    models : Models
    limits : Limits, optional
    api_key : str, optional
        Every request except `/healthz` has to bring it.
    any_host : bool
        Accept requests under any host name. By default only those to this machine's own loopback names are answered,
        so that a page elsewhere cannot reach the server through a name of its own (DNS rebinding).
    """
    state = State(models, limits or Limits())

    description = api_description(models.ids, state.limits, openapi_paths, with_key=api_key is not None)

    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(description)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # The limit is the whole process's, and each block puts back what it found: those that overlap must find 1.
        with blas_threads(1):
            yield
            await run_in_threadpool(state.close)

    app = Starlette(
        routes=[*openai_api.routes, *service_api.routes, Route("/openapi.json", openapi), *page_api.routes],
        middleware=[Middleware(Guard, state=state, api_key=api_key, any_host=any_host)],
        exception_handlers=dict.fromkeys((ApiError, CharRNNError, HTTPException), answer_error),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.serving, app.state.models, app.state.limits = state, models, state.limits
    return app
