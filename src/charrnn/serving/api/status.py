"""`/healthz` and `/metrics`: whether the server is up, and how busy it is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from charrnn.serving.api.operations import Operation
from charrnn.serving.service import Service


def operations(service: Service) -> list[Operation]:
    async def health(request: Request) -> Response:
        service.check_open()
        return JSONResponse({"status": "ok", "models": service.models.ids})

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(service.metrics.report(), media_type="text/plain; version=0.0.4")

    return [
        Operation("GET", "/healthz", "getHealth", "Check whether requests are accepted. Needs no key.", health,
                  "They are.", errors=[503], needs_key=False),
        Operation("GET", "/metrics", "getMetrics", "Report counters in Prometheus' text format.", metrics,
                  "The counters."),
    ]  # fmt: skip
