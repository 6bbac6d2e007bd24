"""The trained run of the server's tests, and servers of it."""

from tests.serving.conftest import model, run_path, start_server

__all__ = ["model", "run_path", "start_server"]
