"""The `labrys` command: the composition root.

Exit status: 0 valid, 1 invalid, 2 unknown, 254 wrong arguments or files, 255 the harness or its
environment failed. Whatever is heavy is imported inside the command that needs it, so that help and
mistakes are answered at once.
"""

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from checker.errors import InternalError, ModelError
from harness.commands import options, output
from harness.commands.bisect import bisect
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
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"labrys {metadata.version('labrys')}")
        raise typer.Exit


@app.callback()
def labrys(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_version, help="Print the version and end."
        ),
    ] = False,
    verbose: options.Verbose = False,
) -> None:
    """Test replicated stores for linearizability, under faults."""


for command in (run, check, explore, compare, replay, bisect, nightly):
    app.command()(options.with_common(command, quiet=True))
for command in (serve, report, clean):
    app.command()(options.with_common(command))
app.command("list")(options.with_common(list_names))


def main() -> NoReturn:
    """Run the command and exit with its status; every failure is a sentence, none a traceback."""
    if "_LABRYS_COMPLETE" in os.environ:
        app()  # A shell asks what may follow on its line.
    output.prepare()
    try:
        Path.home()
    except RuntimeError:
        # Libraries ask for it on import; nothing can be written below this one.
        os.environ["HOME"] = os.devnull
    sys.exit(output.finish(_status()))


def _status() -> int:
    """The exit status of the command."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        answered = int(app(standalone_mode=False) or 0)
        if answered == INTERRUPTED:
            raise KeyboardInterrupt
        return answered
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted; nothing is left running, and `labrys check` judges what was recorded")
        return FAILED
    except typer.TyperException as error:
        return _failed(error, error.format_message(), USAGE)
    except (UsageError, ModelError) as error:
        return _failed(error, str(error), USAGE)
    except HarnessError as error:
        return _failed(error, str(error), FAILED)
    except InternalError as error:
        told = " ".join(str(error).split())
        sentence = f"the checker contradicts itself, so there is no verdict: {told}; keep the "
        return _failed(error, sentence + "history, and report this with what -v shows", FAILED)
    except (Exception, SystemExit) as error:
        # A mistake of ours, or of code that the user gave, which must never pass for a verdict.
        told = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        sentence = f"an error that was not foreseen, {told}; -v shows where it comes from"
        return _failed(error, sentence, FAILED)


def _failed(error: BaseException, sentence: str, status: int) -> int:
    """Tell what went wrong, and with -v where."""
    if not {"-v", "--verbose"}.isdisjoint(sys.argv[1:]):
        traceback.print_exception(error)
    if sentence:  # Without a command the help was the answer.
        say(sentence)
    return status


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A request to end is answered as Ctrl-C is: by cleaning up first."""
    raise KeyboardInterrupt
