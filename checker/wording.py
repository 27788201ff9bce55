"""What an operation did, as a clause in the words of its object: "process 4 enqueued 17"."""

import json
from collections.abc import Sequence
from typing import Any

from checker.operation import Operation, Outcome


def value_text(value: Any) -> str:
    """A value as it stands in a file of JSON."""
    return json.dumps(value, ensure_ascii=False, default=repr)


def joined(words: Sequence[str]) -> str:
    """Words as they are listed in a sentence: "1, 2 and 3"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def numbered(numbers: Sequence[int]) -> str:
    """Numbers in ascending order, with no gap told but those that there are: "1 to 4, 6 and 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words: list[str] = []
    for run in runs:
        words += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    return joined(words)


def of_key(key: Any, said: str) -> str:
    """What is said of a key, with its name where the history has keys."""
    return said if key is None else f"key {key!r}: {said}"


def on_key(key: Any, preposition: str = "on") -> str:
    """ " on key 'x'", and nothing where an object has no keys."""
    return "" if key is None else f" {preposition} key {key!r}"


_TRIED = {
    "read": "tried to read",
    "write": "tried to write {argument}",
    "append": "tried to append {argument}",
    "add": "tried to add {argument}",
    "remove": "tried to remove {argument}",
    "contains": "asked for {argument}",
    "enqueue": "tried to enqueue {argument}",
    "dequeue": "tried to dequeue",
    "drain": "tried to drain the queue",
    "push": "tried to push {argument}",
    "pop": "tried to pop",
    "acquire": "tried to acquire the lock",
    "release": "tried to release the lock",
    "generate": "asked for an id",
    "transfer": "tried to transfer {argument}",
    "inspect": "asked who leads",
    "observe": "asked who leads",
    "campaign": "campaigned as {argument}",
    "resign": "tried to resign as {argument}",
    "renew": "tried to renew the lease {argument}",
    "use": "tried to use the token {argument}",
    "inc": "tried to add {argument}",
    "txn": "tried the transaction {argument}",
}
_DID = {
    "read": "read {result}",
    "write": "wrote {argument}",
    "append": "appended {argument}",
    "add": "added {argument}",
    "remove": "removed {argument}",
    "enqueue": "enqueued {argument}",
    "dequeue": "dequeued {result}",
    "drain": "drained {result} out of the queue",
    "push": "pushed {argument}",
    "pop": "popped {result}",
    "acquire": "acquired the lock",
    "release": "released the lock",
    "generate": "was given the id {result}",
    "transfer": "transferred {argument}",
    "inspect": "was told of the leader {result}",
    "observe": "was told of the leader {result}",
    "campaign": "campaigned as {argument} and was told of the leader {result}",
    "resign": "resigned as {argument}",
    "renew": "renewed the lease {argument}",
    "use": "used the token {argument}",
    "inc": "added {argument} and was answered {result}",
    "txn": "carried out the transaction {result}",
}
_NOTHING = {"dequeue": "found the queue empty", "pop": "found the stack empty"}


def clause(operation: Operation) -> str:
    """What an operation did, for any model."""
    who = f"process {operation.process}"
    function = operation.function
    given, answer = value_text(operation.argument), value_text(operation.result)
    if function == "cas":
        return f"{who} {_swap(operation)}"
    if operation.outcome is Outcome.FAIL:
        asked = "" if operation.argument is None else f" with {given}"
        return f"{who} called {function}{asked}, which had no effect"
    if operation.outcome is Outcome.INFO:
        tried = _TRIED.get(function)
        if tried is not None:
            return f"{who} {tried.format(argument=given)} and was never answered"
        asked = "" if operation.argument is None else f" with {given}"
        return f"{who} called {function}{asked} and was never answered"
    if function == "contains":
        found = "found" if operation.result else "did not find"
        return f"{who} {found} {given} in the set"
    if operation.result is None and function in _NOTHING:
        return f"{who} {_NOTHING[function]}"
    did = _DID.get(function)
    if did is not None:
        said = did.format(argument=given, result=answer)
        told = function in ("acquire", "release") and isinstance(operation.result, dict)
        return f"{who} {said}" + (f" and was answered {answer}" if told else "")
    asked = "" if operation.argument is None else f" with {given}"
    return f"{who} called {function}{asked} and was answered {answer}"


def _swap(operation: Operation) -> str:
    pair = operation.argument
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return f"called cas with {value_text(pair)}"
    expected, new = map(value_text, pair)
    if operation.outcome is Outcome.INFO:
        return f"tried to replace {expected} by {new} and was never answered"
    if operation.outcome is Outcome.FAIL:
        return f"did not replace {expected} by {new}"
    if value_text(operation.result) != expected and not isinstance(pair[1], list | tuple):
        return f"found {value_text(operation.result)} where it expected {expected}"
    return f"replaced {expected} by {new}"


def plural(value: float, word: str, words: str = "") -> str:
    """ "1 kill", "3,000 kills", "2.5 versions"; `words` are those that do more than take an s."""
    count = f"{value:,}".removesuffix(".0")  # As a median may be.
    return f"{count} {word if value == 1 else words or f'{word}s'}"
