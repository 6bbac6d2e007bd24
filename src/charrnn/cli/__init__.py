"""The command line: one file for each command. Their names, errors and exit statuses are here."""

from __future__ import annotations

import io
import sys
from contextlib import AbstractContextManager, nullcontext

import click

from charrnn.cli.corpora import corpora
from charrnn.cli.evaluate import evaluate
from charrnn.cli.experiment import experiment
from charrnn.cli.gradcheck import gradcheck
from charrnn.cli.info import info
from charrnn.cli.plot import plot
from charrnn.cli.sample import sample
from charrnn.cli.serve import serve
from charrnn.cli.sweep import sweep
from charrnn.cli.train import train
from charrnn.errors import CharRNNError
from charrnn.parallel.team import ALONE, Team, launched_as_one_of_several
from charrnn.threads import blas_threads
from charrnn.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="charrnn")
def commands() -> None:
    """Train character-level language models on a CPU, and generate text with them.

    \b
    charrnn train                      learn from the bundled novel, about half a minute
    charrnn train book.txt             learn from your own text
    charrnn sample runs/book-rnn       generate text with the trained model
    """


for command in (train, sample, evaluate, serve, gradcheck, experiment, sweep, plot, info, corpora):
    commands.add_command(command)


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):  # a character that the terminal cannot show must not cost a result
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with _team() as team, blas_threads(1):  # training sets its own number
            commands.main(prog_name="charrnn", standalone_mode=False, obj=team)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.ctx.get_help() if asked.ctx else "")
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), 2)
    except CharRNNError as error:
        _fail(str(error), error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted", 130)
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
    click.echo(f"charrnn: error: {message}", err=True)
    sys.exit(status)
