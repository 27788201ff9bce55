"""What does hold of a history that is not linearizable: weaker guarantees, strongest first.

Decided for registers whose values are distinct; where a value that was seen had been written twice,
or an operation is none of a register, every answer is `UNKNOWN`.
"""

from typing import Any

from checker.causal import causal
from checker.history import History
from checker.linearizability.facts import Ambiguous, Unsupported
from checker.linearizability.graph import (
    Forked,
    chains_of,
)
from checker.sessions import GUARANTEES, Key, sequential_consistency, session_guarantees
from checker.verdict import Result, Verdict

NAMES = ("sequential", "causal convergence", "causal", *GUARANTEES)


def guarantees(history: History, initial: Any = None) -> dict[str, Result]:
    """A result for each of `NAMES`; `initial` is the value before any write."""
    keys = []
    for name, operations in history.by_key().items():
        try:
            chains = chains_of(operations, initial)
        except (Ambiguous, Unsupported) as error:
            why = str(error) or "a value that was seen had been written more than once"
            return _all(Verdict.UNKNOWN, f"key {name!r}: {why}")
        if isinstance(chains, Forked):
            why = f"key {name!r}: two compare-and-sets replaced one value"
            forked = _all(Verdict.UNKNOWN, f"{why}; what that leaves is not decided")
            return {**forked, "sequential": Result(verdict=Verdict.INVALID, reason=why)}
        if not isinstance(chains, list):
            return _all(Verdict.INVALID, f"key {name!r}: a value was seen that nothing can explain")
        keys.append(Key(name, chains))
    sequential = sequential_consistency(keys)
    consistent, convergent = causal(keys)
    if sequential.verdict is Verdict.UNKNOWN and convergent.verdict is Verdict.INVALID:
        sequential = convergent  # whatever is sequentially consistent is causally convergent
    return {
        "sequential": sequential,
        "causal convergence": convergent,
        "causal": consistent,
        **session_guarantees(keys),
    }


def _all(verdict: Verdict, reason: str) -> dict[str, Result]:
    return {name: Result(verdict=verdict, algorithm="graph", reason=reason) for name in NAMES}
