"""The files of the page, at `/` and `/static/…`. Only the files in FILES are served."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from charrnn.serving.http.errors import not_found

KINDS = {"css": "text/css", "html": "text/html", "js": "text/javascript"}
MODULES = (
    "api", "app", "colour", "curve", "documents", "read", "settings", "store", "strip", "text", "training", "trust",
    "write",
)  # fmt: skip
FILES = ("style.css", "colours.css", *(f"{name}.js" for name in MODULES))


@cache
def page_file(name: str) -> tuple[bytes, str]:
    """Return a file of the page, and its ETag."""
    content = resources.files("charrnn.serving").joinpath("page", name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _answer(request: Request, name: str) -> Response:
    """Send the file, or 304 if the browser has it. Browsers ask each time, so that no two versions are mixed."""
    content, tag = page_file(name)
    headers = {"etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=KINDS[name.rsplit(".", 1)[1]])


async def index(request: Request) -> Response:
    return _answer(request, "index.html")


async def static(request: Request) -> Response:
    name = request.path_params["file"]
    if name not in FILES:
        raise not_found()
    return _answer(request, name)


routes = [Route("/", index, methods=["GET"]), Route("/static/{file}", static, methods=["GET"])]
