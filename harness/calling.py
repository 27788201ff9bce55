"""What the options of a run say of its calls, checked before anything starts."""

from checker.needs import Requirement
from checker.wording import plural
from harness.clock import SECOND_NS
from harness.database import Database
from harness.errors import OptionError
from workloads.documents import SMALLEST
from workloads.generators.reading import read
from workloads.generators.sources import known
from workloads.popularity import weights
from workloads.workload import Workload


def check_values(values: str) -> None:
    """An `OptionError` unless these are values that a workload can write."""
    kind, colon, count = values.partition(":")
    number = int(count) if count.isascii() and count.isdigit() and len(count) < 12 else 0
    if kind in ("counters", "documents") and not colon:
        return
    if kind == "repeated" and 2 <= number <= 1_000_000:
        return
    if kind == "documents" and number >= SMALLEST:
        return
    raise OptionError(
        "values",
        f"cannot be {values!r}; give counters, documents, documents:N with N bytes from "
        f"{SMALLEST}, or repeated:N with N from 2",
    )


def check_largest(system: str, values: str, largest: int) -> None:
    """An `OptionError` where documents would be larger than the system takes."""
    kind, _, size = values.partition(":")
    if kind == "documents" and size and int(size) > largest:
        raise OptionError(
            "values",
            f"cannot be {values!r}: the system {system!r} takes values of up to {largest:,} bytes; "
            "give smaller ones",
        )


def check_connections(connections: int, clients: int, system: str, database: Database) -> None:
    """An `OptionError` unless these clients can share these connections to each node."""
    if database.python is None:
        raise OptionError(
            "connections",
            f"cannot be shared by clients of {system!r}, whose driver gives each client its own; "
            "leave it out",
        )
    if connections >= clients:
        raise OptionError(
            "connections",
            f"cannot be {connections} for {plural(clients, 'client')} to share; give fewer, or "
            "leave it out",
        )


def check_popularity(popularity: str, keys: int) -> None:
    """An `OptionError` unless it says how often each key is drawn."""
    try:
        weights(popularity, keys)
    except ValueError as error:
        raise OptionError("popularity", f"cannot be {popularity!r}; {error}") from error


def check_load(load: str, workload: Workload, clients: int, time_limit_ns: int) -> None:
    """An `OptionError` unless a load can be read, calls what the workload knows, and has clients
    and time enough."""
    try:
        generator = read(load)
    except ValueError as error:
        raise OptionError("load", f"cannot be {load!r}: {error}") from error
    names = known(workload)
    for source in generator.sources:
        if source not in names:
            raise OptionError(
                "load",
                f"cannot call {source!r}: the workload {workload.name!r} knows {', '.join(names)}",
            )
    if not generator.sources:
        raise OptionError("load", "calls nothing; name what is called, such as all")
    if generator.reserved > clients:
        raise OptionError(
            "load",
            f"reserves clients for itself and needs {generator.reserved} at least, and there are "
            f"{clients}; give more clients",
        )
    if generator.least_ns > time_limit_ns:
        raise OptionError(
            "load",
            f"takes {generator.least_ns / SECOND_NS:g} s at least, and the calls last "
            f"{time_limit_ns / SECOND_NS:g} s; give a longer time limit, or a shorter load",
        )


def requirement(text: str) -> Requirement:
    """What a text requires; an `OptionError` where it cannot be read."""
    try:
        return Requirement.read(text)
    except ValueError as error:
        raise OptionError("require", f"cannot be {text!r}: it {error}") from error
