"""Of a run in which nothing succeeded: the one error that every call got."""

from checker.history import History
from checker.wording import plural


def only_error(history: History) -> str:
    """ "all 312 calls got the same error: no-leader", or "" where any call did not."""
    columns = history.columns
    numbers = set(columns.error.tolist())
    if len(numbers) != 1 or (number := numbers.pop()) < 0:
        return ""
    calls = plural(len(columns), "call")
    said = f"all {calls}" if len(columns) > 1 else "the only call"
    return f"{said} got the same error: {columns.words[number]}"
