"""The argument in sentences why no order explains what the search found."""

from checker.errors import InternalError
from checker.linearizability.search.exhaust import DeadEnd, TooLarge, dead_ends
from checker.linearizability.search.shrink import Unexplained
from checker.linearizability.violation import NOT_SMALLEST
from checker.models.model import Model
from checker.wording import clause, joined, numbered

ENDS_TOLD = 6
"""How many of the configurations that were left are told."""


def explain(violation: Unexplained, model: Model, until: float) -> tuple[tuple[str, ...], int]:
    """The argument in sentences, and the number of the first operation that no order includes.

    Where the moment `until` comes first, the sentences give no orders. Raises `InternalError` where
    there is an order after all.
    """
    operations = violation.operations
    size = () if violation.smallest else (NOT_SMALLEST,)
    try:
        ends = dead_ends(operations, model, violation.places, until)
    except TooLarge:
        number = 1 + next(place for place, o in enumerate(operations) if o is violation.stuck)
        told = _supposed(violation) if violation.smallest else ()
        return (f"No order of these operations includes {number}.", *told, *size), number
    if not ends:
        raise InternalError(
            f"the search found no order for the model {model.name}, the trial of all orders did; "
            "see that the model's step always gives the same answer, or report this history"
        )
    number = ends[0].stuck + 1
    sentences = [f"{n}: {clause(o)}." for n, o in enumerate(operations, 1)]
    sentences += _supposed(violation)
    sentences += [_sentence(end) for end in ends[:ENDS_TOLD]]
    if len(ends) > ENDS_TOLD:
        more = len(ends) - ENDS_TOLD
        sentences.append(f"So it is with {more} more states that orders can lead to.")
    sentences.append(f"No order is left that includes {number}: a contradiction.")
    return (*sentences, *size), number


def _supposed(violation: Unexplained) -> tuple[str, ...]:
    """Of which operations it does not matter whether they happened."""
    numbers = [place + 1 for place in sorted(violation.places)]
    if not numbers:
        return ()
    who = "they" if len(numbers) > 1 else "it"
    return (f"Of {numbered(numbers)} it does not matter here whether {who} happened at all.",)


def _sentence(end: DeadEnd) -> str:
    number = end.stuck + 1
    if not end.order:
        return f"At the beginning {number} is not possible: {end.reason}."
    order = joined([str(place + 1) for place in end.order])
    return f"After {order}, in this order, {number} is not possible: {end.reason}."
