"""What does hold of a history that is not linearizable: weaker guarantees, strongest first.

Decided for registers whose values are distinct; where a value that was seen had been written twice,
or an operation is not one of a register, every answer is `UNKNOWN`.
"""

from collections.abc import Sequence
from typing import Any

from checker.history import History
from checker.linearizability.registers.facts import Ambiguous, Unsupported
from checker.linearizability.registers.graph import (
    Forked,
    chains_of,
)
from checker.verdict import Result, Verdict
from checker.weaker.causal import causal
from checker.weaker.interleaving import interleaves
from checker.weaker.sessions import GUARANTEES, Key, coherent, session_guarantees
from checker.wording import of_key

NAMES = ("sequential", "causal convergence", "causal", *GUARANTEES)


def guarantees(history: History, initial: Any = None) -> dict[str, Result]:
    """A result for each of `NAMES`; `initial` is the value before any write."""
    keys = []
    for name, operations in history.by_key().items():
        try:
            chains = chains_of(operations, initial)
        except (Ambiguous, Unsupported) as error:
            why = str(error) or "a value that was seen had been written more than once"
            return _all(Verdict.UNKNOWN, of_key(name, why))
        if isinstance(chains, Forked):
            why = of_key(name, "two compare-and-sets replaced one value")
            forked = _all(Verdict.UNKNOWN, f"{why}; what that leaves is not decided")
            return {**forked, "sequential": Result(verdict=Verdict.INVALID, reason=why)}
        if not isinstance(chains, list):
            return _all(Verdict.INVALID, of_key(name, "a value was seen that nothing can explain"))
        keys.append(Key(name, chains))
    consistent, convergent = causal(keys)
    return {
        "sequential": _sequential(keys, convergent),
        "causal convergence": convergent,
        "causal": consistent,
        **session_guarantees(keys),
    }


def _sequential(keys: Sequence[Key], convergent: Result) -> Result:
    """Sequential consistency: of every key alone, then of all together."""
    alone = coherent(keys)
    if alone.verdict is Verdict.INVALID or len(keys) <= 1:
        return alone
    if convergent.verdict is Verdict.INVALID:
        return convergent  # whatever is sequentially consistent is causally convergent
    together = interleaves(keys)
    if together is None:
        reason = "every key alone is, but whether all together are would take too long to decide"
        return Result(verdict=Verdict.UNKNOWN, algorithm="search", reason=reason)
    if together:
        return Result(verdict=Verdict.VALID, algorithm="search")
    reason = "every key alone is, but no order of all keys together keeps that of each process"
    return Result(verdict=Verdict.INVALID, algorithm="search", reason=reason)


def _all(verdict: Verdict, reason: str) -> dict[str, Result]:
    return {name: Result(verdict=verdict, algorithm="graph", reason=reason) for name in NAMES}
