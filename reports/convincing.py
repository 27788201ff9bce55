"""How convincing a run is, and whether it met what was required of it, as texts for its page."""

from itertools import islice
from typing import Any

from checker.wording import plural
from reports.stored import StoredRun, find, number, objects
from reports.wording import count, duration, percent, plain

REQUIREMENTS_MAX = 100


def strength(stored: StoredRun) -> tuple[str, str] | None:
    """How much of what was planted in copies of the history was convicted: the share, and the
    count; None where nothing was planted."""
    copies = number(stored.result, "strength", "mutated", "copies")
    convicted = number(stored.result, "strength", "mutated", "convicted")
    if not copies or convicted is None:
        return None
    return percent(convicted / copies), f"{count(convicted)} of {count(copies)} planted errors"


def arrivals(stored: StoredRun) -> tuple[str, str] | None:
    """Of an open loop: the median of the latencies since calls were due, and the rest in words."""
    median = number(stored.result, "arrivals", "corrected_ns", "p50")
    most = number(stored.result, "arrivals", "corrected_ns", "p99")
    late, begun = (number(stored.result, "arrivals", name) for name in ("late", "due"))
    if median is None or most is None or late is None or begun is None:
        return None
    told = f"99 % within {duration(most)}; {count(late)} of {plural(int(begun), 'call')} "
    told += "began late or never"
    return duration(median), told


def requirements(stored: StoredRun) -> list[dict[str, Any]]:
    """What was required of the run, and whether it was met: "met", "missed" or "not measured"."""
    words: dict[bool | None, str] = {True: "met", False: "missed"}
    return [
        {
            "text": plain(one.get("requirement", "?"), 200),
            "outcome": words.get(find(one, bool, "met"), "not measured"),
            "detail": plain(one.get("detail", ""), 400),
        }
        for one in islice(objects(stored.result, "requirements"), REQUIREMENTS_MAX)
    ]
