"""The `labrys` command: the composition root.

Exit status: 0 valid, 1 invalid, 2 unknown, 254 wrong arguments or files, 255 the harness or its
environment failed. Whatever is heavy is imported inside the command that needs it, so that help and
mistakes are answered at once.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from harness.commands.check import check
from harness.commands.clean import clean
from harness.commands.compare import compare
from harness.commands.explore import explore
from harness.commands.list import list_names
from harness.commands.nightly import nightly
from harness.commands.output import say
from harness.commands.replay import replay
from harness.commands.report import report
from harness.commands.run import run
from harness.commands.serve import serve
from harness.errors import FAILED, USAGE, HarnessError, UsageError

INTERRUPTED = 130
"""What Typer makes of a `KeyboardInterrupt`; to the caller it is one more run without a verdict."""

app = typer.Typer(
    name="labrys",
    help="Test replicated stores for linearizability, under faults.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


for command in (run, check, explore, compare, replay, nightly, serve, report):
    app.command()(command)
app.command("list")(list_names)
app.command()(clean)


def main() -> NoReturn:
    """Run the command and exit with its status; every failure is a sentence, none a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    status = FAILED
    try:
        answered = int(app(standalone_mode=False) or 0)
        if answered == INTERRUPTED:
            raise KeyboardInterrupt
        status = answered
    except typer.TyperException as error:
        say(error.format_message())
        status = USAGE
    except UsageError as error:
        say(str(error))
        status = USAGE
    except HarnessError as error:
        say(str(error))
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted; nothing is left running, and `labrys check` judges what was recorded")
    except BrokenPipeError:
        # Whoever read the output has gone; Python must not try to flush into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A request to end is answered as Ctrl-C is: by cleaning up first."""
    raise KeyboardInterrupt
