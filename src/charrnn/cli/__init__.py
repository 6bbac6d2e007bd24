"""The command line: one file for each command. Their names, errors and exit statuses are here."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module

import click

from charrnn.cli.output import OutputError, echo, safe_streams, say
from charrnn.errors import CharRNNError
from charrnn.parallel.team import ALONE, Team, launched_as_one_of_several
from charrnn.threads import blas_threads
from charrnn.version import __version__

COMMANDS = (
    "check",
    "classify",
    "corpora",
    "evaluate",
    "experiment",
    "export",
    "gradcheck",
    "info",
    "plot",
    "sample",
    "score",
    "serve",
    "sweep",
    "train",
)


class _Commands(Mapping[str, click.Command]):
    """Imports a command when it is looked up, so that it does not wait for the imports of the others."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in COMMANDS:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f"charrnn.cli.{name}"), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@click.group(commands=_Commands(), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="charrnn")
def commands() -> None:
    """Train character-level language models on a CPU, and generate text with them.

    \b
    charrnn train                      learn from the bundled novel, about half a minute
    charrnn train book.txt             learn from your own text
    charrnn sample runs/book-qrnn      generate text with the trained model
    """


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted."""
    with safe_streams():
        _run()


def _run() -> None:
    try:
        with _team() as team, blas_threads(1):  # training sets its own number
            commands.main(prog_name="charrnn", standalone_mode=False, obj=team)
    except click.exceptions.NoArgsIsHelpError as asked:
        with suppress(OutputError):
            echo(asked.ctx.get_help() if asked.ctx else "")
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), 2)
    except CharRNNError as error:
        _fail(str(error), error.exit_status)
    except (KeyboardInterrupt, click.Abort) as stopped:
        _fail("interrupted", 128 + getattr(stopped, "signal", signal.SIGINT))
    except MemoryError as error:
        _fail(f"not enough memory ({' '.join(str(error).split())}): lower hidden_size, batch_size or seq_len", 2)
    except (OSError, OverflowError, UnicodeError) as error:
        _fail(f"{type(error).__name__}: {' '.join(str(error).split())}", 2)


def _team() -> AbstractContextManager[Team]:
    """The processes that mpiexec has started, of which only rank 0 enters the block; else this process alone."""
    if not launched_as_one_of_several():
        return nullcontext(ALONE)
    from charrnn.training.mpi import mpi_team

    return mpi_team()


def _fail(message: str, status: int) -> None:
    say(f"charrnn: error: {message}")
    sys.exit(status)
