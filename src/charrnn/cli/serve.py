"""`charrnn serve`."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from charrnn.cli import output
from charrnn.cli.options import config_options, given, json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.errors import ConfigError
from charrnn.serving import LOOPBACK
from charrnn.serving.limits import Limits, make_limits
from charrnn.settings import settings_of

LOCAL_HOST, DEFAULT_PORT = "127.0.0.1", 8000
PACKAGES = ("prometheus_client", "pydantic", "starlette", "uvicorn")


@click.command(
    epilog="""\b
Examples:
  charrnn serve runs/book-qrnn
  charrnn serve runs/book-qrnn runs/book-lstm --port 0 --open
  charrnn serve model.safetensors --host 0.0.0.0 --api-key SECRET"""
)
@click.argument("run", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default=LOCAL_HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to listen on; 0: any free one.",
)
@click.option("--api-key", envvar="CHARRNN_API_KEY", show_envvar=True, help="Answer only requests that send this key.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option("--while-stdin-is-open", is_flag=True, hidden=True)  # ends with the process that started it
@config_options(settings_of(Limits))
@quiet_option
@json_option
def serve(
    run: tuple[Path, ...],
    host: str,
    port: int,
    api_key: str | None,
    open_page: bool,
    while_stdin_is_open: bool,
    quiet: bool,
    as_json: bool,
    **limits: Any,
) -> None:
    """Serve the models of RUN to browsers and over HTTP.

    RUN is a run folder, which may still be training, or a model.safetensors file. No other file can be read. The page
    shows a model at work; the API is OpenAI's completions API, for existing clients. Ctrl-C stops the server after
    texts in progress have ended.
    """
    check_installed()
    from charrnn.serving.app import make_app
    from charrnn.serving.models import Models
    from charrnn.serving.server import bind, run_server

    if api_key is not None and not api_key.strip():
        raise ConfigError("--api-key is empty: give a key, or leave it out")
    local = host in LOOPBACK
    models = Models(run)
    app = make_app(models, make_limits(given(limits)), api_key=api_key, any_host=not local)
    listener = bind(host, port)
    port = listener.getsockname()[1]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    if not local and not quiet:
        output.say(_warning(host, api_key))

    def started() -> None:
        if as_json:
            echo_json({"address": address, "host": host, "port": port, "models": models.ids})
        else:
            with suppress(output.OutputError):  # a page is of use without this line
                echo(f"serving {', '.join(models.ids)} at {address} (Ctrl-C ends it)")
        if open_page:
            click.launch(address)

    def say(message: str) -> None:
        if not quiet:
            output.say(message)

    run_server(app, listener, started, say, while_open=sys.stdin if while_stdin_is_open else None)


def check_installed() -> None:
    """Raise ConfigError if a package that serving needs is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"serving needs {' and '.join(missing)}: pip install 'charrnn[serve]'")


def _warning(host: str, api_key: str | None) -> str:
    who = "anyone who can reach this machine" if api_key is None else "anyone who has the key"
    key = "; set --api-key, or listen on 127.0.0.1" if api_key is None else ""
    return (
        f"warning: listening on {host}: {who} can use these models and read these runs; "
        f"nothing is encrypted, so put a TLS proxy in front of it{key}"
    )
