"""Banks: money that is transferred between accounts, which are read together."""

from dataclasses import dataclass
from typing import Any, ClassVar

from checker.models.model import Inconsistent, Kind, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome

Balances = dict[str, int]
Changes = tuple[tuple[str, int], ...]


@dataclass
class Bank:
    """`transfer` of `{"from": a, "to": b, "amount": n}`, and `read` of all balances, an object.

    No balance is ever below 0. With what the accounts begin is `start`, an object; where it is null
    the first read shows it: whatever it was, the transfers must lead from it to every read.
    """

    name: str = "bank"
    start: Any = None
    functions: ClassVar = {
        "transfer": (Kind.TRANSFER, Kind.ANYTHING), "read": (Kind.ANYTHING, Kind.BALANCES),
    }  # fmt: skip
    observers: ClassVar = frozenset({"read"})
    starts_with_object: ClassVar = True

    def initial(self) -> State:
        if self.start is None:
            return False, frozenset()
        if not all(type(balance) is int for balance in self.start.values()):
            raise ValueError("balances must be integers")
        return True, frozenset(_named(self.start).items())

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        # A state is whether balances are known, and these; else what was added to each since the
        # beginning, and the least that this ever was.
        assert isinstance(state, tuple)
        known, items = state
        match operation.function:
            case "transfer":
                asked = operation.argument
                source, target, amount = str(asked["from"]), str(asked["to"]), asked["amount"]
                changes = ((source, -amount), (target, amount))
                return _moved(dict(items), changes) if known else _added(dict(items), changes)
            case "read":
                if operation.outcome is Outcome.INFO or operation.result is None:
                    return state
                read = _named(operation.result)
                below = next((account for account, balance in read.items() if balance < 0), None)
                if below is not None:
                    return Inconsistent(f"no balance can be below 0, as that of account {below}")
                return self._read(dict(items), read) if known else _shown(dict(items), read)
        return unknown(operation)

    def _read(self, balances: Balances, read: Balances) -> State | Inconsistent:
        if balances == read:
            return True, frozenset(read.items())
        total, found = sum(balances.values()), sum(read.values())
        if total != found:
            return Inconsistent(f"all accounts together hold {total}, not {found}")
        one = next(a for a in {**read, **balances} if balances.get(a) != read.get(a))
        return Inconsistent(f"account {one} holds {balances.get(one)}, not {read.get(one)}")


def _moved(balances: Balances, changes: Changes) -> State | Inconsistent:
    """The state after a transfer between balances that are known."""
    for account, change in changes:
        before = balances.get(account, 0)
        if before + change < 0:
            return Inconsistent(f"account {account} has only {before}")
        balances[account] = before + change
    return True, frozenset(balances.items())


def _added(added: dict[str, tuple[int, int]], changes: Changes) -> State:
    """The state after a transfer between unknown balances."""
    for account, change in changes:
        sum_, least = added.get(account, (0, 0))
        added[account] = sum_ + change, min(least, sum_ + change)
    return False, frozenset(added.items())


def _shown(added: dict[str, tuple[int, int]], read: Balances) -> State | Inconsistent:
    """The state after the first read, which shows with what the accounts began."""
    for account, (sum_, least) in added.items():
        began = read.get(account, 0) - sum_
        if began + least < 0:
            return Inconsistent(f"account {account} would have been at {began + least} before")
    return True, frozenset(read.items())


def _named(balances: dict[Any, int]) -> Balances:
    return {str(account): balance for account, balance in balances.items()}
