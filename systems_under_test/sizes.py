"""How large values are, about, so that no message grows beyond what a line of the wire may hold.

Batches are bounded by their number, which is enough where values are small. Where each is as large
as a document may be, a batch of them would be a line that the other end refuses; it would be sent
again and again, and whoever needs it would never catch up.
"""

from collections.abc import Iterable

from systems_under_test.node import Json
from systems_under_test.requests import Request

BATCH_BYTES = 2 * 2**20
"""What values that travel together may come to; a single one may be larger."""


def size_of(value: Json) -> int:
    """About how many bytes a value takes as JSON; a text that is not ASCII counts for the most."""
    if isinstance(value, str):
        return len(value) + 2 if value.isascii() else 4 * len(value) + 2
    if isinstance(value, dict):
        return 2 + sum(len(name) + 5 + size_of(item) for name, item in value.items())
    if isinstance(value, list):
        return 2 + sum(map(size_of, value)) + len(value)
    return 8


def weight(command: object) -> int:
    """About how many bytes a command takes, which is what a request carries."""
    return size_of(command.argument) if isinstance(command, Request) else 8


def fitting(commands: Iterable[object]) -> int:
    """How many of these commands travel together, from the first on; one at least, if any."""
    room, count = BATCH_BYTES, 0
    for command in commands:
        room -= weight(command)
        if room < 0 and count:
            break
        count += 1
    return count
