"""Requirements as people write them: "ok>=99 during partition", "p99<=200ms outside faults".

What they mean, and whether a run meets them, is in `checker.requirements`.
"""

import re
from dataclasses import dataclass

PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
UNITS_NS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}

_FORM = re.compile(
    r"(?P<measure>[a-z][a-z0-9.]*)\s*(?P<sign>>=|<=)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%|[a-z]*)"
    r"(?:\s+(?:during\s+(?P<fault>[\w.:-]+)|(?P<outside>outside\s+faults)))?",
    re.ASCII,
)
EXAMPLES = '"ok>=99 during partition", "recovery<=5s" or "p99<=200ms outside faults"'


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: the `bound` is a percentage, a rate a second, or a time in nanoseconds.

    It is about what was invoked during the faults of a name or a family, "faults" for any, or
    `outside` of all; else about the whole run.
    """

    text: str
    measure: str
    at_least: bool
    bound: float
    fault: str = ""
    outside: bool = False

    @classmethod
    def read(cls, text: str) -> "Requirement":
        """What a text says. Raises `ValueError`, whose message says what is wrong with it."""
        found = _FORM.fullmatch(" ".join(text.split()))
        if found is None:
            raise ValueError(f"is no requirement; write it as {EXAMPLES}")
        measure, unit = found["measure"], found["unit"]
        times = (*PERCENTILES, "recovery", "failover")
        if measure not in (*times, "ok", "rate"):
            raise ValueError(
                f"measures {measure!r}, which is unknown; choose one of ok, rate, "
                f"{', '.join(times)}"
            )
        at_least = found["sign"] == ">="
        if at_least != (measure in ("ok", "rate")):
            other = "<=" if at_least else ">="
            raise ValueError(
                f"asks for it to be bad; write {measure}{other}{found['number']}{unit}"
            )
        allowed = tuple(UNITS_NS) if measure in times else ("", "%") if measure == "ok" else ("",)
        if unit not in allowed:
            given = " or ".join(repr(one) for one in allowed if one) or "no unit"
            raise ValueError(f"has the unit {unit!r}, and {measure} is given in {given}")
        bound = float(found["number"]) * UNITS_NS.get(unit, 1)
        if measure == "ok" and bound > 100:
            raise ValueError("asks for more than 100 percent; ask for less")
        if measure in ("recovery", "failover") and found["outside"]:
            raise ValueError(f"asks for {measure} where there is no fault; leave that out")
        return cls(text, measure, at_least, bound, found["fault"] or "", bool(found["outside"]))
