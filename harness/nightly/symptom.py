"""By what one failure is known again: its anomaly, the system, and where it shows.

Two runs that fail alike have one fingerprint, whatever their seeds, values and moments. An anomaly
of a history shows in its workload; a broken invariant where its sentence says, without the numbers
and names in it. The environment is left out: a flaw that the simulator finds and that containers
show too is one flaw.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from checker.anomalies.anomaly import AnomalyKind
from harness.simulation.simulate import NOT_LIVE, REQUIREMENT, kind_of_finding

NOT_REPEATABLE = "not repeatable"
"""The anomaly of a simulated seed that took other steps the second time."""

_KINDS = {kind.value for kind in AnomalyKind}
_OF_WORKLOADS = {*_KINDS, NOT_LIVE, "canary missed"}
_OUTCOMES = {"liveness failure": NOT_LIVE, REQUIREMENT: REQUIREMENT}
_CHANGING = re.compile(
    r"""('[^']*'|"[^"]*"|\([^()]*\)|\[[^\][]*\]|\b[nc]\d+(,\ [nc]\d+)*\b|-?\d+([.,]\d+)*)""", re.X
)
"""What differs between two runs that break one rule: values, names of nodes, numbers."""

SHAPE_MAX = 120


@dataclass(frozen=True)
class Symptom:
    """What a failure looks like."""

    anomaly: str
    system: str
    location: str

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits, the same for all failures that look alike."""
        text = "\n".join((self.anomaly, self.system, self.location))
        return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def symptom_of(record: dict[str, Any], outcome: str = "") -> Symptom:
    """The symptom of a run's record, of an older night too; of a cell where `outcome` is its."""
    outcome = outcome or str(record.get("outcome"))
    reason = str(record.get("reason") or "")
    anomaly = str(record.get("anomaly") or "") or _from_reason(outcome, reason)
    if outcome == "canary missed":
        anomaly = outcome
    place = str(record.get("workload")) if anomaly in _OF_WORKLOADS else shape(reason)
    return Symptom(anomaly, str(record.get("system")), place)


def _from_reason(outcome: str, reason: str) -> str:
    """The anomaly of a record that does not name it: its headline begins with it."""
    if outcome != "violation":
        return _OUTCOMES.get(outcome, outcome)
    first = reason.partition(":")[0].lower()
    return first if first in _KINDS else kind_of_finding(reason)


def shape(reason: str) -> str:
    """A sentence without what changes from run to run."""
    return " ".join(_CHANGING.sub("#", reason).split())[:SHAPE_MAX]


def is_own(shows: tuple[str, ...], anomaly: str, reason: str) -> bool:
    """Whether a flaw that `shows` these fails by one of them; one that says nothing, by any.

    Each is the name of an anomaly, or words of the invariant that breaks.
    """
    said = reason.lower()
    return not shows or any(
        word == anomaly or (anomaly not in _KINDS and word.lower() in said) for word in shows
    )
