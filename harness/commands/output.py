"""What commands print, in any encoding, whether or not it can be written and somebody reads it.

A command's exit status tells its verdict, so that no output may end it: what cannot be printed is
kept from the command, and told by `finish` when it has ended.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from harness.errors import FAILED

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ERRORS = "labrys"
_ASCII = {
    "✔": "+", "✘": "x", "·": "-", "–": "-", "—": "-", "…": "...", "→": "->", "×": "x", "≤": "<=",
}  # fmt: skip
"""Signs of ours for terminals that have only others; "?" means that a verdict is unknown."""


class _Output(io.FileIO):
    """A file descriptor that takes everything, and remembers why it could not pass it on."""

    failed: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            if self.failed is None:
                return super().write(data)
        except OSError as error:
            self.failed = error
        return memoryview(data).nbytes


@dataclass
class _Asked:
    """What the caller wants to hear beside the verdict and what went wrong."""

    quiet: bool = False
    as_json: bool = False


asked = _Asked()
"""Set for the command that is carried out; streams, too, are the process's."""


def talks() -> bool:
    """Whether more is wanted than the verdict, and by a person."""
    return not (asked.quiet or asked.as_json)


def say(sentence: str) -> None:
    """Tell a person something that is not the command's answer: what went wrong."""
    if sys.stderr is not None:
        print(f"labrys: {sentence}", file=sys.stderr, flush=True)


def note(sentence: str) -> None:
    """Tell a person what is not the command's answer and not wrong either."""
    if talks():
        say(sentence)


def tell(line: str) -> None:
    """Print a line that stands beside the verdict."""
    if talks():
        print(line, flush=True)


def prepare() -> None:
    """See that nothing printed from now on can raise."""
    codecs.register_error(ERRORS, _instead)
    sys.stdout, sys.stderr = _kept(sys.stdout), _kept(sys.stderr)


def finish(status: int) -> int:
    """The exit status of a command that ended with this one, now that its output is written."""
    if sys.stdout is None:
        return status
    sys.stdout.flush()
    failed = getattr(getattr(getattr(sys.stdout, "buffer", None), "raw", None), "failed", None)
    if failed is None or failed.errno == errno.EPIPE:
        return status  # The reader has gone, having read enough.
    say(f"cannot write the output: {failed.strerror}; make room for it")
    return status or FAILED


def _kept(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    if stream not in (sys.__stdout__, sys.__stderr__):  # A test looks on.
        stream.reconfigure(errors=ERRORS)
        return stream
    with contextlib.suppress(OSError):
        stream.flush()
    raw = _Output(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors=ERRORS,
        line_buffering=os.isatty(stream.fileno()) or stream is sys.__stderr__, write_through=False,
    )  # fmt: skip


def _instead(error: UnicodeError) -> tuple[str, int]:
    """What is printed for signs that an encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    plain = (_ASCII.get(sign) or sign.encode("unicode_escape").decode("ascii") for sign in signs)
    return "".join(plain), error.end
