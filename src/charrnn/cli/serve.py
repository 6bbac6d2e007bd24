"""`charrnn serve`."""

from __future__ import annotations

import sys
from contextlib import suppress
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
@click.option("--api-key", envvar="CHARRNN_API_KEY", show_envvar=True, help="Answer only to those who send this key.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option("--while-stdin-is-open", is_flag=True, hidden=True)  # end when who started it does
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
    """Let the models of RUN be used from a browser and over HTTP.

    RUN is a run folder, which may still be training, or a model.safetensors file; nothing else can be read. The page
    shows a model at work; the API is that of OpenAI's completions, for existing clients. Ctrl-C ends it: texts in
    progress are finished first.
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
    """Whether what serving needs is there."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError("serving needs Starlette and uvicorn: pip install 'charrnn[serve]'") from None


def _warning(host: str, api_key: str | None) -> str:
    who = "anyone who can reach this machine" if api_key is None else "those who have the key"
    key = "; set --api-key, or listen on 127.0.0.1" if api_key is None else ""
    return (
        f"warning: listening on {host}: {who} can use these models and read these runs; "
        f"nothing is encrypted, so put a proxy with TLS before it{key}"
    )
