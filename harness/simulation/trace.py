"""The trace of a simulated run: every step of every node, and the hash of them all.

Two runs that take the same steps at the same moments have the same fingerprint. What a message says
is not hashed: nodes that were told something else would soon do something else.
"""

from hashlib import blake2b
from typing import TypeAlias

import msgspec

from systems_under_test.node import NodeId

Step: TypeAlias = tuple[int, NodeId, str, str]
"""When, which node, what about (a kind of message, a timer's name, "started"), and from whom."""


class Trace:
    """Every step of a run, as a hash and, where it is wanted, as a list.

    Steps are appended to `steps`, and are hashed now and then, when `digest` is called.
    """

    def __init__(self, keep: bool) -> None:
        self._digest = blake2b(digest_size=16)
        self.steps: list[Step] = []
        self._lines = msgspec.json.Encoder().encode_lines
        self.kept: list[Step] | None = [] if keep else None

    def fingerprint(self) -> str:
        self.digest()
        return self._digest.hexdigest()

    def digest(self) -> None:
        """Hash the steps so far, and forget them unless they are to be kept."""
        if self.kept is not None:
            self.kept += self.steps
        self._digest.update(self._lines(self.steps))
        self.steps.clear()


def in_words(step: Step | None) -> str:
    """A step in words; nothing where a run had ended."""
    if step is None:
        return "nothing"
    moment_ns, node, about, source = step
    return f"{moment_ns} {node} {about}" + (f" from {source}" if source else "")
