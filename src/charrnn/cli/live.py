"""`charrnn train --serve`: a server in its own process, which neither slows training down nor changes its results."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from charrnn.cli.serve import DEFAULT_PORT, LOCAL_HOST, check_installed
from charrnn.errors import ConfigError
from charrnn.parallel.team import environment_of_none

END_SECONDS = 15.0  # for texts in progress, when training ends
NICENESS = 10  # training goes first


class LiveServer:
    """Serves a run from the beginning of its training until the `with` block or this process ends.

    Parameters
    ----------
    wanted : bool
        Whether to serve at all.
    port : int, optional
        0 for any free one.
    """

    def __init__(self, wanted: bool, port: int | None, quiet: bool) -> None:
        if port is not None and not wanted:
            raise ConfigError(f"--port {port} has no effect without --serve")
        self.wanted, self.port, self.quiet = wanted, DEFAULT_PORT if port is None else port, quiet
        self._process: subprocess.Popen[bytes] | None = None
        if wanted:
            check_installed()
            from charrnn.serving.server import bind

            bind(LOCAL_HOST, self.port).close()  # report a port in use before anything else

    def begin(self, run: Path) -> None:
        """Serve the run folder, which exists now."""
        if not self.wanted:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", "charrnn", "serve", str(run), "--port", str(self.port), "--while-stdin-is-open"],
            env=environment_of_none(),
            stdin=subprocess.PIPE,  # closed when this process ends, even if it is killed
            stdout=subprocess.DEVNULL
            if self.quiet
            else sys.stderr.fileno(),  # standard output is for the result of training
        )
        if hasattr(os, "setpriority"):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)

    def __enter__(self) -> LiveServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
