"""One register whose values are distinct, judged as its operations complete; see `checker.online`.

The conditions are those of `registers.chains`. `Stream` is fed invocations and
completions in order; the positions of the operations tell that order.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from checker.columns import NEVER, canonical
from checker.linearizability.registers.facts import BEFORE_ALL, NOT, Unsupported, saw_and_wrote
from checker.operation import Operation, Outcome

TIDY_EVERY = 32
"""Completions after which is forgotten what cannot matter any more."""


class Broken(Exception):
    """The register is not linearizable; the message is a clause."""


class Repeated(Exception):
    """A value was written twice, or an operation is not a register's: not to be judged here."""


@dataclass(eq=False)
class _Cluster:
    """A value: who wrote it, the earliest ends of its write and its reads, and what followed."""

    value: Hashable
    writer: Operation | None
    chain: "_Chain"
    written: int = NEVER
    read: int = NEVER
    following: "_Cluster | None" = None


@dataclass(eq=False)
class _Chain:
    """Clusters tied by compare-and-sets: the earliest end and the latest beginning of any."""

    first: int = NEVER
    last: int = BEFORE_ALL
    oldest: "_Cluster | None" = field(default=None)


class Stream:
    """What is known of one key: the chains that may still matter, and the writes not yet seen."""

    def __init__(self, initial: Any = None) -> None:
        chain = _Chain(BEFORE_ALL, BEFORE_ALL)
        start = _Cluster(canonical(initial), None, chain, BEFORE_ALL)
        chain.oldest = start
        self._chains = [chain]
        self._clusters: dict[Hashable, _Cluster] = {start.value: start}
        self._unseen: dict[Hashable, Operation] = {}
        self._open: dict[int, Operation] = {}
        self._completed = 0

    def size(self) -> int:
        """How many operations and values are remembered."""
        return len(self._clusters) + len(self._unseen) + len(self._open) + len(self._chains)

    def invoke(self, operation: Operation) -> None:
        """An operation begins; raises `Repeated`."""
        if operation.function not in ("read", "write", "cas"):
            raise Repeated
        try:
            value = saw_and_wrote(operation)[1]
        except Unsupported:
            raise Repeated from None
        if value is not NOT:
            value = canonical(value)
            if value in self._clusters or value in self._unseen:
                raise Repeated
            self._unseen[value] = operation
        self._open[operation.process] = operation

    def complete(self, operation: Operation) -> None:
        """An operation ends, and is given with its outcome; raises `Broken`."""
        begun = self._open.pop(operation.process)
        if operation.outcome is Outcome.INFO:
            return  # what it would write may still be seen at any time
        end = operation.completed
        assert end is not None
        intended, (saw, wrote) = saw_and_wrote(begun)[1], saw_and_wrote(operation)
        if intended is not NOT and wrote is NOT:
            self._unseen.pop(canonical(intended), None)
            if canonical(intended) in self._clusters:
                raise Broken(f"{intended!r} was seen, but its operation did not take effect")
        if wrote is not NOT:
            cluster = self._seen(canonical(wrote))
            cluster.written = end
            self._ended(cluster.chain, end)
        elif saw is not NOT:
            cluster = self._seen(canonical(saw))
            self._read(cluster, operation)
            cluster.read = min(cluster.read, end)
            self._ended(cluster.chain, end)
        self._completed += 1
        if self._completed % TIDY_EVERY == 0:
            self._tidy(end)

    def _seen(self, value: Hashable) -> _Cluster:
        """The cluster of a value that was there for certain, with all that had to come before."""
        made: list[tuple[Hashable, Operation]] = []
        while value not in self._clusters:
            writer = self._unseen.pop(value, None)
            if writer is None:
                raise Broken(f"{value!r} had been overwritten before, or was never written")
            made.append((value, writer))
            replaced = saw_and_wrote(writer)[0]
            if replaced is NOT:
                break
            value = canonical(replaced)
        before = self._clusters.get(value)
        for new, writer in reversed(made):
            if before is None:
                chain = _Chain()
                self._chains.append(chain)
            else:
                chain = before.chain
            cluster = self._clusters[new] = _Cluster(new, writer, chain)
            if before is None:
                chain.oldest = cluster
            elif before.following is not None:
                raise Broken(f"two compare-and-sets replaced {before.value!r}")
            else:
                before.following = cluster
            chain.last = max(chain.last, writer.invoked)
            before = cluster
        assert before is not None
        return before

    def _read(self, cluster: _Cluster, operation: Operation) -> None:
        """Something saw the value: nothing that came later may have ended before it began."""
        later = cluster.following
        while later is not None:
            if min(later.written, later.read) < operation.invoked:
                raise Broken(f"{cluster.value!r} was seen though it had been replaced before")
            later = later.following
        cluster.chain.last = max(cluster.chain.last, operation.invoked)

    def _ended(self, chain: _Chain, end: int) -> None:
        """Something of a chain ended: no other chain may both precede and follow it."""
        chain.first = min(chain.first, end)
        for other in self._chains:
            if chain.first < other.last and other.first < chain.last and other is not chain:
                one, two = (c.oldest.value if c.oldest else None for c in (chain, other))
                raise Broken(f"{one!r} must have been written both before and after {two!r}")

    def _tidy(self, now: int) -> None:
        """Forget the chains and values that can no longer be seen without contradicting real
        time."""
        watermark = min((o.invoked for o in self._open.values()), default=now)
        reaching = sorted((c.last, i) for i, c in enumerate(self._chains) if c.first < watermark)
        kept = []
        for number, chain in enumerate(self._chains):
            others = [last for last, i in reaching[-2:] if i != number]
            dead = bool(others) and chain.first < min(others[-1], watermark)
            cluster = chain.oldest
            clusters = []
            while cluster is not None:
                clusters.append(cluster)
                cluster = cluster.following
            replaced = NEVER  # the earliest end of what came after a value
            for cluster in reversed(clusters):
                if dead or replaced < watermark:
                    del self._clusters[cluster.value]
                else:
                    chain.oldest = cluster
                replaced = min(replaced, cluster.written, cluster.read)
            if not dead:
                kept.append(chain)
        self._chains = kept
