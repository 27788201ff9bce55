"""Regions of the world, and how long a message takes between them."""

from harness.clock import MILLISECOND_NS

REGIONS = ("america-west", "america-east", "europe")

WAN_NS = (
    (1 * MILLISECOND_NS, 40 * MILLISECOND_NS, 75 * MILLISECOND_NS),
    (40 * MILLISECOND_NS, 1 * MILLISECOND_NS, 55 * MILLISECOND_NS),
    (75 * MILLISECOND_NS, 55 * MILLISECOND_NS, 1 * MILLISECOND_NS),
)
"""One way between these regions, as between the two coasts of America and Europe."""


def way_ns(one: str, other: str) -> int:
    """How long a message takes from one region to another."""
    return WAN_NS[REGIONS.index(one)][REGIONS.index(other)]
