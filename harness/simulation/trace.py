"""The trace of a simulated run: every step of every node, and the hash of them all.

Two runs that take the same steps at the same moments have the same fingerprint. What a message says
is not hashed: nodes that were told something else would soon do something else.
"""

from hashlib import blake2b

HASHED = 512
"""So many steps are hashed at a time."""


class Trace:
    """Every step of a run, as a hash and, where it is wanted, as lines."""

    def __init__(self, keep: bool) -> None:
        self._digest = blake2b(digest_size=16)
        self._steps: list[str] = []
        self.kept: list[str] | None = [] if keep else None

    def note(self, step: str) -> None:
        self._steps.append(step)
        if len(self._steps) >= HASHED:
            self._hash()

    def fingerprint(self) -> str:
        self._hash()
        return self._digest.hexdigest()

    def _hash(self) -> None:
        if self.kept is not None:
            self.kept += self._steps
        self._digest.update("\n".join(self._steps).encode())
        self._steps.clear()
