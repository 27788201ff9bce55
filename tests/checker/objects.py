"""Small random histories of every kind of object, and an oracle that tries every linearization.

Nothing here is shared with the checker but `Operation`: an object is described again, by what an
operation done alone answers and leaves behind.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from checker.columns import NEVER
from checker.operation import Operation, Outcome

Done = tuple[Hashable, Any]
"""A state and the answer on the way to it."""

Call = Callable[[Random, int, bool], tuple[str, Any]]
"""Draws a function and an argument: the number of the call, and whether values are repeated."""


@dataclass(frozen=True)
class Object:
    """`call` draws a function and an argument; `do` gives all that one may then do in a state.

    Lies are told of states of the past, or of the `elsewhere`.
    """

    call: Call
    do: Callable[[Any, str, Any], list[Done]]
    start: Hashable = ()
    elsewhere: tuple[Any, ...] = ()


def linearizable(
    operations: Sequence[Operation], thing: Object, optional: Sequence[Operation] = ()
) -> bool:
    """Whether any order that real time allows is one of the object's.

    What is `optional` may have happened between its invocation and its completion, or never.
    """
    return order(operations, thing, optional) is not None


def judged(name: str, seed: str, count: int) -> Iterator[tuple[list[Operation], bool]]:
    """So many histories of an object, each with whether it is linearizable."""
    random, thing = Random(seed), OBJECTS[name]
    for _ in range(count):
        operations = draw(random, thing)
        yield operations, linearizable(operations, thing)


def stands_alone(
    shown: Sequence[Operation], operations: Sequence[Operation], thing: Object
) -> bool:
    """Whether some operations of a history are a violation by themselves, and of the whole.

    By themselves no order explains them, nor does any that makes use of the other updates.
    """
    known = {(o.key, o.process, o.invoked) for o in shown}
    others = [
        o
        for o in operations
        if o.function not in (OBSERVERS | BALANCED) and (o.key, o.process, o.invoked) not in known
    ]
    return not linearizable(shown, thing) and not linearizable(shown, thing, others)


OBSERVERS = frozenset({"read", "contains", "cas-mismatch", "observe"})

BALANCED = frozenset({"acquire", "release"})
"""What may be left out where it all had happened, and left the object as it was at first."""


def order(
    operations: Sequence[Operation], thing: Object, optional: Sequence[Operation] = ()
) -> list[Operation] | None:
    """A linearization, found by trying all; what crashed may never have happened."""
    todo = [o for o in (*operations, *optional) if o.outcome is not Outcome.FAIL]
    demanded = sum(o.outcome is not Outcome.FAIL for o in operations)
    dead: set[tuple[frozenset[int], Hashable]] = set()

    def search(left: frozenset[int], state: Hashable) -> list[Operation] | None:
        ends = [end for i in left if i < demanded and (end := todo[i].completed) is not None]
        if not ends:
            return []
        if (left, state) in dead:
            return None
        dead.add((left, state))
        horizon = min(ends)
        for i in left:
            o = todo[i]
            if o.invoked > horizon:
                continue
            late = {i for i in left if i >= demanded and (todo[i].completed or NEVER) < o.invoked}
            for after, answer in thing.do(state, o.function, o.argument):
                if o.completed is None or same(answer, o.result):
                    rest = search(left - late - {i}, after)
                    if rest is not None:
                        return [o, *rest]
        return None

    return search(frozenset(range(len(todo))), thing.start)


def same(answer: Any, result: Any) -> bool:
    """Whether a result is the answer; `ANY` stands for every one, and sets for their elements."""
    if answer is ANY:
        return True
    if isinstance(answer, frozenset):
        return answer == frozenset(result)
    return bool(answer == result)


ANY = object()


def draw(random: Random, thing: Object, most: int = 7) -> list[Operation]:
    """The history of one object that lies now and then, crashes and fails."""
    crash, fail = random.choice([0, 0.1, 0.3]), random.choice([0, 0.1])
    lie, tie = random.choice([0.1, 0.5, 0.9]), random.choice([0, 0.3])
    hurry = random.choice([0, 0.7])
    repeat = random.random() < 0.3
    state, pasts = thing.start, [thing.start, *thing.elsewhere]
    pending: dict[int, tuple[str, Any, int]] = {}
    done: list[Operation] = []
    processes = list(range(random.randint(2, 4)))
    place = 0
    count, position, started = random.randint(2, most), 0, 0
    while started < count or pending:
        position += random.random() >= tie
        if not pending or random.random() >= hurry:
            place = random.randrange(len(processes))
        process = processes[place]
        if process not in pending:
            if started < count:
                started += 1
                pending[process] = *thing.call(random, started, repeat), position
            continue
        function, argument, invoked = pending.pop(process)
        outcome = Outcome.INFO if random.random() < crash else Outcome.OK
        if outcome is Outcome.OK and random.random() < fail:
            outcome = Outcome.FAIL
        result, completed = None, None
        if outcome is Outcome.OK or (outcome is Outcome.INFO and random.random() < 0.5):
            moves = thing.do(state, function, argument)
            if moves:
                state, result = random.choice(moves)
                pasts.append(state)
            if not moves or random.random() < lie:
                shown = [
                    answer
                    for past in dict.fromkeys(pasts)
                    for _, answer in thing.do(past, function, argument)
                    if answer != result
                ]
                result = random.choice(shown) if shown else result
            result = told(random, result, count)
        if outcome is Outcome.INFO:
            processes[place] = max(processes) + 1
        else:
            position += random.random() >= tie
            completed = position
        done.append(
            Operation(
                process, function, "k", argument, result if outcome is Outcome.OK else None,
                outcome, invoked, completed, invoked * 1000,
                None if completed is None else completed * 1000,
            )
        )  # fmt: skip
    return sorted(done, key=lambda operation: operation.invoked)


def told(random: Random, result: Any, count: int) -> Any:
    """An answer of an object as a client hears it."""
    if result is ANY:
        return random.randrange(count)
    return random.sample(sorted(result), len(result)) if isinstance(result, frozenset) else result


def scattered(random: Random, thing: Object, most: int = 7, crash: float = 0.1) -> list[Operation]:
    """Operations anywhere in one log, with answers of any state: wrong as no run of the object is,
    and with values that repeat, or even calls of a few kinds alone."""
    count = random.randint(2, most)
    calls = [thing.call(random, number, True) for number in range(1, count + 1)]
    if random.random() < 0.5:
        calls = random.choices(calls[:3], k=count)
    states = [thing.start, *thing.elsewhere]
    for function, argument in random.choices(calls, k=2 * count):
        states += [state for state, _ in thing.do(random.choice(states), function, argument)[:1]]
    places = random.sample(range(2 * count), 2 * count)
    done, busy = [], {}
    for begin, end in sorted(map(sorted, zip(places[::2], places[1::2], strict=True))):
        process = next(p for p in range(count) if busy.get(p, -1) < begin)
        function, argument = calls.pop()
        answers = [answer for state in states for _, answer in thing.do(state, function, argument)]
        crashed = not answers or random.random() < crash
        busy[process] = 2 * count if crashed else end
        done.append(
            Operation(
                process, function, "k", argument,
                None if crashed else told(random, random.choice(answers), count),
                Outcome.INFO if crashed else Outcome.OK, begin, None if crashed else end,
                begin * 1000, None if crashed else end * 1000,
            )
        )  # fmt: skip
    return done


def either(update: str, read: str, nulls: float = 0) -> Call:
    """Half updates with a value, half reads; a share of the values may be null."""

    def call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
        if random.random() < 0.5:
            return read, None
        if random.random() < nulls:
            return update, None
        return update, random.randint(1, 2) if repeat else number

    return call


def queue(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    if function == "enqueue":
        return [((*state, argument), None)]
    return [(state[1:], state[0])] if state else [(state, None)]


def bag(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    if function == "enqueue":
        return [(tuple(sorted((*state, argument), key=repr)), None)]
    taken = [(state[:i] + state[i + 1 :], item) for i, item in enumerate(state)]
    return taken or [(state, None)]


def append_list(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    return [((*state, argument), None)] if function == "append" else [(state, list(state))]


def plain_set(state: frozenset[Any], function: str, argument: Any) -> list[Done]:
    match function:
        case "add":
            return [(state | {argument}, None)]
        case "remove":
            return [(state - {argument}, None)]
        case "contains":
            return [(state, argument in state)]
    return [(state, state)]


def _grow_only_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    return ("read", None) if random.random() < 0.5 else ("add", random.randint(1, 4))


def _element_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    function = random.choice(["add", "remove", "contains", "contains", "contains"])
    return function, random.randint(1, 2)


def _set_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    function = random.choice(["add", "add", "remove", "contains", "read", "read"])
    return function, None if function == "read" else random.randint(1, 3)


def counter(state: int, function: str, argument: Any) -> list[Done]:
    return [(state + argument, None)] if function == "add" else [(state, state)]


def _counter_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    amount = random.choice([-2, -1, 1, 3]) if repeat else random.randint(1, 2)
    return random.choice([("add", amount), ("read", None)])


def ids(state: frozenset[int], function: str, argument: Any) -> list[Done]:
    return [(state | {number}, number) for number in range(1, 6) if number not in state]


def mutex(state: bool, function: str, argument: Any) -> list[Done]:
    return [(not state, None)] if state == (function == "release") else []


def transactions(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    registers = dict(state)
    answer = []
    for kind, name, value in argument:
        if kind == "w":
            registers[name] = value
        answer.append([kind, name, value if kind == "w" else registers.get(name)])
    return [(tuple(sorted(registers.items())), answer)]


def _transaction_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    steps = []
    for extra in range(random.randint(1, 3)):
        value = random.randint(1, 2) if repeat else 10 * number + extra
        name = random.choice("xy")
        steps.append(random.choice([["r", name, None], ["w", name, value]]))
    return "txn", steps


def register(state: Any, function: str, argument: Any) -> list[Done]:
    match function:
        case "write":
            return [(argument, None)]
        case "append":
            return [(state + argument, None)]
        case "cas":
            return [(argument[1] if state == argument[0] else state, state)]
        case "cas-mismatch":
            return [(state, None)] if state != argument else []
    return [(state, state)]


def _register_call(*functions: str) -> Call:
    def call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
        value = random.randint(1, 2) if repeat else number
        old = random.choice([None, *range(1, 3 if repeat else number + 1)])
        function = random.choice(functions)
        arguments = {"write": value, "cas": [old, value], "cas-mismatch": old}
        return function, arguments.get(function)

    return call


def _strings_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    text = random.choice("ab") if repeat else f"({number})"
    return random.choice([("read", None), ("read", None), ("append", text), ("write", text)])


CLIENTS = ("a", "b", "c")


def _lock_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    return random.choice(["acquire", "release"]), {"client": random.choice(CLIENTS[:2])}


def held_by(most: int) -> Callable[[Any, str, Any], list[Done]]:
    """A lock that its holder may hold this many times: a state is the holder, once for each."""

    def do(state: tuple[str, ...], function: str, argument: Any) -> list[Done]:
        client = argument["client"]
        if function == "acquire":
            free = not state or (state[0] == client and len(state) < most)
            return [((*state, client), None)] if free else []
        return [(state[1:], None)] if state and state[0] == client else []

    return do


def fenced(state: tuple[Any, int, int], function: str, argument: Any) -> list[Done]:
    holder, latest, used = state
    if function == "use":
        fence = argument["fence"]
        return [((holder, latest, fence), None)] if fence >= used else []
    client = argument["client"]
    if function == "acquire" and holder is None:
        return [((client, token, used), token) for token in range(1, 6) if token > latest] + [
            ((client, latest, used), None)
        ]
    if function == "release" and holder == client:
        return [((None, latest, used), None)]
    return []


def _fenced_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    if random.random() < 0.3:
        return "use", {"fence": random.randint(1, 3), "value": number}
    return _lock_call(random, number, repeat)


def leased(state: tuple[Any, int, int, int], function: str, argument: Any) -> list[Done]:
    holder, until, before, fence = state
    now, client = max(argument["now"], before), argument["client"]
    holds = holder == client and now < until
    if function == "acquire":
        if holder is not None and now < until:
            return []
        tokens = [(token, {"fence": token}) for token in range(1, 6) if token > fence]
        return [((client, now + 2, now, after), said) for after, said in [*tokens, (fence, None)]]
    if function == "renew":
        return [((client, now + 2, now, fence), None)] if holds else []
    return [((None, 0, now, fence), None)] if holds else []


def _leased_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    function = random.choice(["acquire", "acquire", "acquire", "release", "renew"])
    client = random.choice(CLIENTS[:2]) if function == "acquire" else "a"
    return function, {"client": client, "now": random.choice((0, number, 3 * number)), "lease": 2}


def election(state: tuple[Any, int], function: str, argument: Any) -> list[Done]:
    leader, term = state
    if function == "observe":
        return [(state, [leader, term])]
    if function == "campaign":
        after = (argument["client"], term + 1) if leader is None else state
        return [(after, list(after))]
    return [((None, term), None)] if leader == argument["client"] else []


def _election_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    function = random.choice(["campaign", "campaign", "resign", "observe"])
    return function, None if function == "observe" else {"client": random.choice(CLIENTS[:2])}


def semaphore(state: int, function: str, argument: Any) -> list[Done]:
    after = state + (1 if function == "acquire" else -1)
    return [(after, None)] if 0 <= after <= 1 else []


def versioned(state: tuple[int, Any], function: str, argument: Any) -> list[Done]:
    version, value = state
    if function == "read":
        return [(state, [version, value])]
    new = argument[1]
    if function == "cas":
        expected, new = new
        if expected != value:
            return []
    return [((version + 1, new), [version + 1, argument[1]])]


def _versioned_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    value, old = random.randint(1, 2), random.choice([None, 1, 2])
    function = random.choice(["read", "write", "cas"])
    return function, {"read": None, "write": [None, value], "cas": [None, [old, value]]}[function]


def stack(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    if function == "push":
        return [((*state, argument), None)]
    return [(state[:-1], state[-1])] if state else [(state, None)]


def least_first(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    if function == "enqueue":
        return [(tuple(sorted((*state, tuple(argument)))), None)]
    if not state:
        return [(state, None)]
    firsts = [n for n, item in enumerate(state) if item[0] == state[0][0]]
    return [(state[:n] + state[n + 1 :], list(state[n])) for n in firsts]


def _priority_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    if random.random() < 0.5:
        return "dequeue", None
    return "enqueue", [random.randint(1, 2), random.randint(1, 2) if repeat else number]


def bank(state: Any, function: str, argument: Any) -> list[Done]:
    """Two accounts with 20; until somebody reads them, any share of it may be on each."""
    known, a, b, low_a, low_b = state
    if function == "transfer":
        amount = argument["amount"] if argument["from"] == "a" else -argument["amount"]
        a, b = a - amount, b + amount
        after = (known, a, b, 0, 0) if known else (known, a, b, min(low_a, a), min(low_b, b))
        return [] if known and min(a, b) < 0 else [(after, None)]
    if known:
        return [(state, {"a": a, "b": b})]
    begins = [(x, 20 - x) for x in range(21) if x + low_a >= 0 <= 20 - x + low_b]
    return [((True, x + a, y + b, 0, 0), {"a": x + a, "b": y + b}) for x, y in begins]


def _bank_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    if random.random() < 0.6:
        return "read", None
    source, target = random.sample(["a", "b"], 2)
    return "transfer", {"from": source, "to": target, "amount": random.randint(1, 2)}


def key_values(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    values = dict(state)
    if function == "write":
        values.update(argument if isinstance(argument, dict) else [argument])
    elif function == "delete":
        values.pop(argument, None)
    elif function == "cas":
        name, expected, new = argument
        if values.get(name) != expected:
            return []
        values[name] = new
    else:
        answer: Any = values.get(argument) if isinstance(argument, str) else values
        if isinstance(argument, list):
            answer = [values.get(name) for name in argument]
        return [(state, answer)]
    return [(tuple(sorted(values.items())), None)]


def _key_values_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    name, value = random.choice("xy"), random.randint(1, 2) if repeat else number
    return random.choice(
        [
            ("read", name), ("read", None), ("read", ["x", "y"]), ("write", [name, value]),
            ("write", {"x": value, "y": value}), ("delete", name),
            ("cas", [name, random.choice([None, 1, 2]), value]),
        ]
    )  # fmt: skip


def leaders(state: tuple[Any, ...], function: str, argument: Any) -> list[Done]:
    terms = dict(state)
    answers = [(leader, term) for leader in ("a", "b") for term in (1, 2)]
    return [
        (tuple(sorted({**terms, term: leader}.items())), [leader, term])
        for leader, term in answers
        if terms.get(term, leader) == leader
    ] + [(state, [None, 1])]


def answering_counter(state: int, function: str, argument: Any) -> list[Done]:
    if function == "read":
        return [(state, state)]
    after = state + (argument or 1) * (-1 if function == "dec" else 1)
    return [(after, after)]


def _answering_call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    return random.choice([("inc", None), ("inc", 2), ("dec", None), ("read", None)])


OBJECTS = {
    "register": Object(_register_call("read", "write"), register, None),
    "cas-register": Object(_register_call("read", "write", "cas"), register, None),
    "etcd": Object(_register_call("read", "write", "cas", "cas-mismatch"), register, None),
    "kv": Object(_strings_call, register, ""),
    "multi-register": Object(_transaction_call, transactions),
    "mutex": Object(lambda r, n, _: (r.choice(["acquire", "release"]), None), mutex, False),
    "set": Object(_set_call, plain_set, frozenset()),
    "set of elements": Object(_element_call, plain_set, frozenset(), (frozenset({1, 2}),)),
    "grow-only set": Object(_grow_only_call, plain_set, frozenset()),
    "queue": Object(either("enqueue", "dequeue"), queue),
    "unordered-queue": Object(either("enqueue", "dequeue"), bag),
    "queue of nulls": Object(either("enqueue", "dequeue", 0.2), queue),
    "unordered queue of nulls": Object(either("enqueue", "dequeue", 0.2), bag),
    "counter": Object(_counter_call, counter, 0),
    "list": Object(either("append", "read"), append_list),
    "unique-ids": Object(lambda r, n, _: ("generate", None), ids, frozenset()),
    "owned-mutex": Object(_lock_call, held_by(1)),
    "reentrant-mutex": Object(_lock_call, held_by(2)),
    "fenced-mutex": Object(_fenced_call, fenced, (None, 0, 0)),
    "leased-mutex": Object(_leased_call, leased, (None, 0, 0, 0), (("a", 3, 1, 1),)),
    "election": Object(_election_call, election, (None, 0), (("a", 1), ("b", 2))),
    "semaphore": Object(lambda r, n, _: (r.choice(["acquire", "release"]), None), semaphore, 0),
    "versioned-register": Object(_versioned_call, versioned, (0, None), ((1, 1), (2, 2))),
    "stack": Object(either("push", "pop"), stack),
    "priority-queue": Object(_priority_call, least_first),
    "bank": Object(
        _bank_call, bank, (False, 0, 0, 0, 0), ((True, 3, 17, 0, 0), (True, 19, 1, 0, 0))
    ),
    "kv-map": Object(_key_values_call, key_values),
    "leader": Object(
        lambda r, n, _: ("inspect", None), leaders, (), (((1, "a"),), ((1, "b"), (2, "b")))
    ),
    "answering counter": Object(_answering_call, answering_counter, 0, (1, 2)),
}
"""Each object by the name of its model, or of a use of it."""

MODEL_OF = {
    "set of elements": "set",
    "grow-only set": "set",
    "answering counter": "counter",
    "queue of nulls": "queue",
    "unordered queue of nulls": "unordered-queue",
}
