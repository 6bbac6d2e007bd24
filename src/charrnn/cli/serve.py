"""`charrnn serve`."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from charrnn.cli import output
from charrnn.cli.options import config_options, given, json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.errors import ConfigError
from charrnn.serving.access import LOOPBACK, host_name, others_share_this_machine
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
    help="Port to listen on; 0 for any free one.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A host name to answer to besides localhost, such as that of a proxy on this machine; may be repeated.",
)
@click.option(
    "--api-key",
    envvar="CHARRNN_API_KEY",
    show_envvar=True,
    help="Answer only requests that send this key. If others can reach the server, the default is a new key, printed "
    "in the address.",
)
@click.option("--no-key", is_flag=True, help="Ask for no key, even where others can reach the server.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option("--while-stdin-is-open", is_flag=True, hidden=True)  # ends with the process that started it
@config_options(settings_of(Limits))
@quiet_option
@json_option
def serve(
    run: tuple[Path, ...],
    host: str,
    port: int,
    allowed_hosts: tuple[str, ...],
    api_key: str | None,
    no_key: bool,
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
    if api_key is not None and no_key:
        raise ConfigError("--api-key and --no-key exclude each other: leave one of them out")
    local = host in LOOPBACK
    shared = local and others_share_this_machine()
    token = secrets.token_urlsafe(24) if api_key is None and not no_key and (shared or not local) else None
    key = api_key or token
    names = [host_name(name) for name in allowed_hosts]
    models = Models(run)
    app = make_app(models, make_limits(given(limits)), api_key=key, any_host=not local, allowed_hosts=names)
    listener = bind(host, port)
    port = listener.getsockname()[1]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    page = f"{address}?token={token}" if token else address
    if not quiet:
        for line in _warnings(host, names, shared, key):
            output.say(line)

    def started() -> None:
        if as_json:
            told = {"address": address, "host": host, "port": port, "models": models.ids}
            echo_json({**told, "token": token} if token else told)
        else:
            with suppress(output.OutputError):  # a page is of use without this line
                echo(f"serving {', '.join(models.ids)} at {page} (Ctrl-C ends it)")
        if open_page:
            click.launch(page)

    def say(message: str) -> None:
        if not quiet:
            output.say(message)

    run_server(app, listener, started, say, while_open=sys.stdin if while_stdin_is_open else None)


def check_installed() -> None:
    """Raise ConfigError if a package that serving needs is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"serving needs {' and '.join(missing)}: pip install 'charrnn[serve]'")


def _warnings(host: str, names: Sequence[str], shared: bool, key: str | None) -> Iterator[str]:
    """Yield a line for each way in which others can reach the server."""
    can = "can use these models and read these runs"
    if host not in LOOPBACK:
        who, remedy = "anyone who has the key", ""
        if key is None:
            who, remedy = "anyone who can reach this machine", "; leave out --no-key, or listen on 127.0.0.1"
        encrypted = "nothing is encrypted, so put a TLS proxy in front of it"
        yield f"warning: listening on {host}: {who} {can}; {encrypted}{remedy}"
    elif names and key is None:
        remedy = "set --api-key, or let the proxy ask for a password"
        yield f"warning: answering to {', '.join(names)}: anyone whom the proxy lets in {can}; {remedy}"
    elif shared:
        yield (
            f"warning: other users of this machine {can}: set --api-key, or leave out --no-key"
            if key is None
            else "other users share this machine: only requests that send the key are answered"
        )
