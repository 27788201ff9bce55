"""Chains of values and their zones: registers whose written values are distinct, in linear time.

A *cluster* is a write with all reads of its value. A successful compare-and-set reads one value and
writes another with nothing in between, so it ties two clusters together; clusters tied in this way
are a *chain*, which must stand in a linearization as one block, in the order of its values. Such a
history is linearizable if and only if
1. every value read was written, has at most one compare-and-set out of it, and no chain is a ring;
2. inside a chain no operation completed before one that must stand earlier in it was invoked;
3. of two chains A and B never must both A precede B and B precede A. A must precede B if some
   operation of A completed before some operation of B was invoked: first(A) < last(B), where
   `first` is the earliest completion in a chain and `last` the latest invocation.
A chain with first < last is a *forward* zone: its values were present from first to last.
Rule 3 says that no two forward zones overlap and that no other, *backward*, zone lies inside a
forward one. Two pairs suffice: a longer ring of precedences always contains a ring of two.

Sources: Gibbons and Korach, Testing shared memories (1997), for zones; Fan and Golab (2018) for
read-modify-write. The functions here are written so that they run both as plain Python on lists
(short histories) and compiled by numba on arrays (long ones); they use no other feature of either.
Every function takes all keys at once and leaves in `finding` what it found about each key, and in
`one` and `other` the two nodes concerned.
"""

from typing import Any

NONE = -1
LATE = 2**31 - 1
"""Later than every position: the completion of an operation that never completed."""

CLEAN, AMBIGUOUS, THIN_AIR, FORKED, RING, WITHIN, BETWEEN = range(7)
"""What `finding` holds of a key; all that follow `AMBIGUOUS` are violations.

- `AMBIGUOUS`: a value that was written twice was seen; these rules do not apply.
- `THIN_AIR`: operation `one` saw a value that nobody wrote.
- `FORKED`: the compare-and-sets `one` and `other` both replaced the same value.
- `RING`: operation `one` is on a ring of compare-and-sets.
- `WITHIN`: in the chain of root `other`, something with the value of `one` ended too early.
- `BETWEEN`: the chains of roots `one` and `other` must each precede the other.
"""


def link(
    key: Any, seen: Any, wrote: Any, call: Any, ret: Any,
    writer: Any, copies: Any, needed: Any, following: Any, early: Any, late: Any,
    finding: Any, one: Any, other: Any,
) -> None:  # fmt: skip
    """Tie every observation to the write of its value.

    An operation is a node; so is, behind them, the initial value of each key. `seen` and `wrote`
    hold slots, one for each pair of a key and a value, or `NONE`. Crashed operations have
    `ret == LATE`. Filled in are `writer` of every slot and the `copies` of it that were written, at
    most 2 as more say nothing else; for every node whether it is `needed`, the compare-and-set
    `following` it, and the earliest completion and latest invocation of the reads of its value.

    A crashed update is needed only if a completed operation saw its value, or saw a value that a
    needed compare-and-set made from it. Any other can be left out of every linearization: nobody
    misses its value.
    """
    count = len(seen)
    for i in range(count):
        if wrote[i] != NONE:
            copies[wrote[i]] = 2 if copies[wrote[i]] else 1
            writer[wrote[i]] = i
            if ret[i] != LATE:
                needed[i] = 1
    for i in range(count):
        if seen[i] == NONE or ret[i] == LATE:
            continue
        w = writer[seen[i]]
        if w == NONE:
            finding[key[i]] = THIN_AIR
            one[key[i]] = i
        elif copies[seen[i]] > 1:
            finding[key[i]] = max(finding[key[i]], AMBIGUOUS)
        else:
            needed[w] = 1
            if wrote[i] == NONE:
                early[w] = min(early[w], ret[i])
                late[w] = max(late[w], call[i])
    for i in range(count):
        j = i
        while needed[j] and j < count and ret[j] == LATE and seen[j] != NONE:
            w = writer[seen[j]]
            if w == NONE:
                finding[key[j]] = THIN_AIR
                one[key[j]] = j
                break
            if copies[seen[j]] > 1:
                finding[key[j]] = max(finding[key[j]], AMBIGUOUS)
                break
            if needed[w]:
                break
            needed[w] = 1
            j = w
    for i in range(count):
        if needed[i] and seen[i] != NONE and wrote[i] != NONE and finding[key[i]] == CLEAN:
            w = writer[seen[i]]
            if following[w] == NONE:
                following[w] = i
            else:
                finding[key[i]] = FORKED
                one[key[i]] = following[w]
                other[key[i]] = i


def walk(
    key: Any, seen: Any, call: Any, ret: Any, needed: Any, following: Any, early: Any, late: Any,
    first: Any, last: Any, zones: Any, finding: Any, one: Any, other: Any,
) -> None:  # fmt: skip
    """Walk along every chain from its root: check rule 2 and note where the zone stands.

    `key`, `call` and `ret` go by node here; an initial value was written at position 0, before all
    else. `first` and `last` are filled in for every root, and `zones` gets the root at the position
    where `sweep` wants to meet it: a forward zone where it begins, a backward one where it ends.
    """
    operations = len(seen)
    for root in range(len(needed)):
        if not needed[root] or finding[key[root]] != CLEAN:
            continue
        if root < operations and seen[root] != NONE:
            continue  # a compare-and-set: it is met on the way from its root
        begins, ends = ret[root], call[root]
        begun = 0  # the latest invocation among all that must stand earlier in the chain
        node = root
        while node != NONE:
            needed[node] = 2
            here = max(begun, call[node])
            if ret[node] < begun or early[node] < here:
                finding[key[root]] = WITHIN
                one[key[root]] = node
                other[key[root]] = root
                break
            begun = max(here, late[node])
            begins = min(begins, ret[node], early[node])
            ends = max(ends, call[node], late[node])
            node = following[node]
        first[root] = begins
        last[root] = ends
        if begins > 0:
            zones[min(begins, ends)] = root
    for i in range(operations):
        if needed[i] == 1 and finding[key[i]] == CLEAN:
            finding[key[i]] = RING  # no way leads here from any root
            one[key[i]] = i


def sweep(
    key: Any, zones: Any, first: Any, last: Any, highest: Any,
    finding: Any, one: Any, other: Any,
) -> None:  # fmt: skip
    """Go through the zones of all keys by position and check rule 3.

    `highest` is the root whose forward zone, of those that began before, reaches farthest; at first
    it is the initial value of the key.
    """
    for position in range(len(zones)):
        root = zones[position]
        if root == NONE or finding[key[root]] != CLEAN:
            continue
        rival = highest[key[root]]
        if last[rival] > first[root]:
            finding[key[root]] = BETWEEN
            one[key[root]] = rival
            other[key[root]] = root
        elif first[root] < last[root] and last[root] > last[rival]:
            highest[key[root]] = root
