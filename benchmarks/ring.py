"""How keys lie on the ring and how many move: `python benchmarks/ring.py [--write]`.

It prints the two tables of docs/ring.md, and with `--write` puts them there. No network, no nodes,
no randomness: the same tables everywhere.
"""

import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.tables import put, table
from systems_under_test.ring.hashing import (
    SHARDS,
    HashRing,
    Members,
    equal_members,
    placement,
    point,
)

KEYS = [f"user:{number}" for number in range(100_000)]
VNODES = (1, 8, 32, 128, 512)

Owner = Callable[[int], str]


def nodes(count: int) -> Members:
    return equal_members(f"n{number}" for number in range(1, count + 1))


def modulo(members: Members) -> Owner:
    return lambda place: members[place % len(members)][0]


def on_ring(members: Members, vnodes: int) -> Owner:
    ring = HashRing(members, vnodes)
    return lambda place: ring.replica_set(place, 1)[0]


def on_shards(members: Members) -> Owner:
    """As the ring of `systems_under_test/ring` places keys."""
    owners = placement(members, 3)
    return lambda place: owners[place * SHARDS >> 64][0]


def row(name: str, before: Owner, after: Owner, count: int) -> Sequence[str]:
    """Balance with `count` nodes, and what moves when one joins them."""
    places = [point(key) for key in KEYS]
    old = [before(place) for place in places]
    new = [after(place) for place in places]
    loads = list(Counter(old).values())
    spread = statistics.pstdev(loads) / statistics.mean(loads)
    moved = sum(one != other for one, other in zip(old, new, strict=True))
    ideal = len(KEYS) / (count + 1)
    return (
        name,
        f"{spread:.1%}",
        f"{max(loads) / statistics.mean(loads):.2f}",
        f"{moved:,}",
        f"{moved / ideal:.2f}",
    )


def keys_table(count: int) -> list[str]:
    few, many = nodes(count), nodes(count + 1)
    rows = [row("modulo hashing", modulo(few), modulo(many), count)]
    for vnodes in VNODES:
        name = f"ring, {vnodes} virtual node{'s' if vnodes > 1 else ''}"
        rows.append(row(name, on_ring(few, vnodes), on_ring(many, vnodes), count))
    name = f"ring, 128, by {SHARDS:,} shards"
    rows.append(row(name, on_shards(few), on_shards(many), count))
    head = ("placement", "coefficient of variation", "fullest node ÷ mean", "keys moved", "÷ ideal")
    return table(head, rows)


def replicas_table() -> list[str]:
    rows = []
    for count in (3, 5, 8, 12):
        before, after = placement(nodes(count), 3), placement(nodes(count + 1), 3)
        moved = sum(len(set(new) - set(old)) for old, new in zip(before, after, strict=True))
        ideal = 3 * SHARDS / (count + 1)
        rows.append(
            (f"{count} → {count + 1}", f"{moved:,}", f"{ideal:,.0f}", f"{moved / ideal:.2f}")
        )
    return table(("nodes", "copies of shards moved", "ideal", "÷ ideal"), rows)


def main() -> None:
    count = 5
    lines = [
        f"{len(KEYS):,} keys on {count} equal nodes, and what moves when a sixth joins them "
        f"(ideal: K/n = {len(KEYS) // (count + 1):,}):",
        "",
        *keys_table(count),
        "",
        "All three copies of each shard, as `ring` moves them when a node joins:",
        "",
        *replicas_table(),
    ]
    print("\n".join(lines))
    if "--write" in sys.argv[1:]:
        put("ring.md", "ring.py", lines)


if __name__ == "__main__":
    main()
