"""What a run is: every option, validated when it is put together, and kept with the run as TOML."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import tomli_w

from checker.least import Least
from checker.needs import Requirement
from harness import names
from harness.calling import (
    check_connections,
    check_largest,
    check_load,
    check_popularity,
    check_values,
    requirement,
)
from harness.catalogue import ENVIRONMENTS, WORKLOADS
from harness.clock import SECOND_NS
from harness.cluster import Capability
from harness.database import Database
from harness.databases.maelstrom import KEYLESS, CommandLine, Maelstrom, Rpc, protocol
from harness.durations import LONGEST_S, seconds
from harness.errors import OptionError, UsageError
from harness.nemesis import composition
from harness.nemesis.fault import Fault
from harness.nemesis.schedule import PlannedFault, choose_faults, draw
from systems_under_test.node import Node
from workloads.workload import Shape, Workload

MOST_NODES = 25
MOST_CLIENTS = 100_000
MOST_MUTATIONS = 1_000
LONGEST_KEY = 100_000_000
_ADDRESS = re.compile(r"[^\s:]+:\d{1,5}|\[[0-9a-f:]+\]:\d{1,5}")
PROGRAM = "program"
"""The name of the system where a command line stands for it."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The options of one run. Raises `UsageError` for what does not exist or makes no sense.

    `nodes` are those that the system begins with; `spares` run beside them, to be added later.

    `faults` are names of families or of single faults, none at all for a run without faults; each
    family strikes about once in `fault_interval` seconds, and at least once. A `schedule` says when
    which fault strikes (harness/nemesis/composition.py), in the place of both. `rate` is in
    operations a second over all clients, 0 for as fast as they go; of 100 calls `reads` are reads.
    In an `open_loop` calls come at that rate whatever becomes of others (harness/arrivals.py), and
    a client is replaced after about `session_calls` calls, if above 0. Clients share
    `connections` to each node; with 0, each has its own.
    A `load` is a generator (workloads/generators), which says who calls what and when instead.
    Times are in seconds: `time_limit` of the calls under faults, `operation_timeout` of one
    operation, `recovery_limit` until every node must serve again once all is healed,
    `check_time_limit` of the checker, whose `check_memory_limit` is in MiB; `check_online` stops
    the calls at the first violation. Where `clients_stay`, each of them calls one node alone.

    A valid history is unknown if it was too weak: it must be as strong as `strength` says, where
    the usual (checker/strength.py) will not do, and of its `mutations`, copies with an error
    planted, the checker must convict most. One that misses what it must (`require`) is invalid.

    A `program` is a command line that speaks Maelstrom's protocol, and stands for the system. In
    the environment maelstrom, messages between nodes take `latency` seconds on average, and of 100
    some are lost (`loss`) or arrive twice (`duplicates`).
    """

    system: str = PROGRAM
    program: str = ""
    workload: str = "register"
    environment: str = "auto"
    nodes: int = 5
    spares: int = 0
    clients: int = 10
    connections: int = 0
    time_limit: float = 30.0
    faults: tuple[str, ...] = ("partition", "kill")
    fault_interval: float = 5.0
    schedule: str = ""
    rate: float = 0.0
    open_loop: bool = False
    session_calls: int = 0
    load: str = ""
    seed: int = 0
    values: str = "counters"
    keys: int = 5
    operations_per_key: int = 200
    reads: int = 33
    popularity: str = "even"
    operation_timeout: float = 2.0
    recovery_limit: float = 30.0
    check_time_limit: float = 300.0
    check_memory_limit: int = 4096
    check_online: bool = False
    clients_stay: bool = False
    mutations: int = 20
    strength: str = ""
    require: tuple[str, ...] = ()
    latency: float = 0.001
    loss: float = 0.0
    duplicates: float = 0.0

    def __post_init__(self) -> None:
        names.known("environment", self.environment, ENVIRONMENTS)
        _within("nodes", self.nodes, 1, MOST_NODES)
        _within("spares", self.spares, 0, MOST_NODES - self.nodes)
        _within("clients", self.clients, 1, MOST_CLIENTS)
        _within("connections", self.connections, 0, MOST_CLIENTS)
        _within("time_limit", self.time_limit, 0.1, LONGEST_S)
        _within("fault_interval", self.fault_interval, 0.1, LONGEST_S)
        _within("rate", self.rate, 0, 1_000_000)
        _within("seed", self.seed, 0, 2**63 - 1)
        _within("keys", self.keys, 1, 10_000)
        _within("operations_per_key", self.operations_per_key, 1, LONGEST_KEY)
        _within("reads", self.reads, 0, 100)
        _within("operation_timeout", self.operation_timeout, 0.01, 3600)
        _within("recovery_limit", self.recovery_limit, 0.1, 3600)
        _within("check_time_limit", self.check_time_limit, 0.1, LONGEST_S)
        _within("check_memory_limit", self.check_memory_limit, 64, 1 << 20)
        _within("mutations", self.mutations, 0, MOST_MUTATIONS)
        _within("session_calls", self.session_calls, 0, 1_000_000)
        _within("latency", self.latency, 0, 60)
        _within("loss", self.loss, 0, 100)
        _within("duplicates", self.duplicates, 0, 100)
        if self.connections:
            check_connections(self.connections, self.clients, self.system, self.database)
        check_values(self.values)
        check_popularity(self.popularity, self.keys)
        self._check_strength()
        if self.open_loop and not self.rate:
            raise OptionError("open_loop", "needs a rate, at which calls come; give one")
        _ = self.requirements
        self._check_maelstrom()
        if self.environment == "existing":
            self._check_existing()
        if self.schedule:
            self._check_schedule()
        if self.load:
            check_load(self.load, self.named_workload, self.clients, self.time_limit_ns)
        database, families = self.database, self.families
        check_largest(self.system, self.values, database.largest_value)
        _check_served(self.system, database.functions, self.workload, self.named_workload)
        if self.environment == "simulated":
            _ = self.node_class
        asked = "membership" in families and names.ALL_FAULTS not in self.faults
        if (self.spares or asked) and not database.changes_members:
            raise UsageError(
                f"the members of the system {self.system!r} never change; "
                "leave spares and the fault membership out"
            )

    def _check_strength(self) -> None:
        try:
            Least.read(self.strength)
        except ValueError as error:
            raise OptionError("strength", f"cannot be {self.strength!r}: {error}") from error

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """What is required of the run beside linearizability."""
        return tuple(map(requirement, self.require))

    def _check_maelstrom(self) -> None:
        """The environment maelstrom runs programs that speak its protocol, and no other does."""
        if bool(self.program) != (self.system == PROGRAM):
            raise OptionError("program", "stands for a system; give one or the other")
        if isinstance(self.database, Maelstrom) != (self.environment == "maelstrom"):
            raise OptionError(
                "environment",
                f"cannot be {self.environment!r}: maelstrom is for programs that speak Maelstrom's "
                "protocol, and these run in no other",
            )
        if self.environment == "maelstrom":
            _ = self.protocol
            if self.check_online and self.named_workload.eventual:
                raise OptionError("check_online", "cannot judge what is promised for the end alone")

    def _check_existing(self) -> None:
        """A store that runs already has the nodes and the faults that its database says."""
        database = self.database
        addresses = database.addresses
        if not addresses or not all(map(_ADDRESS.fullmatch, addresses)):
            raise OptionError(
                "environment",
                f"cannot be 'existing': {self.system!r} has addresses {list(addresses)}; give its "
                "class those of the running nodes, each as host:port",
            )
        if self.nodes != len(addresses) or self.spares:
            raise OptionError("nodes", f"cannot differ from the {len(addresses)} addresses given")
        can_do = database.faults.capabilities
        if database.changes_members:
            can_do |= {Capability.MEMBERS}
        asked = {} if names.ALL_FAULTS in self.faults else self.families
        for family, faults in asked.items():
            missing = {need for fault in faults for need in fault.needs - can_do}
            if missing:
                raise OptionError(
                    "faults",
                    f"cannot be {family!r}, for which {self.system!r} gives no command to "
                    f"{' or '.join(sorted(missing))}; give its class such Faults, or leave it out",
                )

    def _check_schedule(self) -> None:
        takes_ns = composition.longest_ns(composition.read(self.schedule))
        if takes_ns > self.time_limit_ns:
            raise OptionError(
                "schedule",
                f"takes up to {takes_ns / SECOND_NS:g} s, and the calls last "
                f"{self.time_limit:g} s; give a longer time limit, or a shorter schedule",
            )

    @property
    def without_effect(self) -> dict[str, str]:
        """The options that make no difference to this run, and why."""
        found: dict[str, str] = {}
        if self.schedule:
            reason = "cannot stand beside a schedule, which says which fault strikes when"
            found["faults"] = found["fault_interval"] = f"{reason}; leave one of the two out"
        elif not self.faults:
            found["fault_interval"] = "has no effect without faults; name some, or leave it out"
        if self.environment == "simulated":
            found["connections"] = "is for nodes that are processes; leave it out"
        if not self.open_loop:
            found["session_calls"] = "has no effect without an open loop; leave it out"
        if self.load:
            found["open_loop"] = "cannot stand beside a load; leave one of them out"
            found["rate"] = "cannot stand beside a load, which says how fast; leave one of them out"
        unused = Shape.options() - self.named_workload.options
        if self.environment != "maelstrom":
            network = ("latency", "loss", "duplicates")
            found |= dict.fromkeys(network, "is for the environment maelstrom; leave it out")
        elif self.workload in KEYLESS:
            unused |= {"keys", "operations_per_key", "popularity"}
        for option in sorted(unused):
            found[option] = f"has no effect on the workload {self.workload!r}; leave it out"
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """All that is named: the system, the workload and the faults."""
        return (self.system, self.workload, *self.faults)

    @property
    def protocol(self) -> Mapping[str, Rpc]:
        """How the workload's calls are made in Maelstrom's protocol."""
        return protocol(self.workload)

    @property
    def database(self) -> Database:
        """How the nodes of the system are started and spoken to."""
        if self.program:
            return CommandLine(self.program)
        return names.database(self.system)

    @property
    def node_class(self) -> type[Node]:
        """What the name of the system leads to."""
        return names.node_class(self.system)

    @property
    def named_workload(self) -> Workload:
        """What the name of the workload leads to."""
        return names.workload(self.workload)

    @property
    def families(self) -> dict[str, tuple[Fault, ...]]:
        """What the names of faults lead to: the faults to draw from, by family."""
        if self.schedule:
            return composition.faults_of(composition.read(self.schedule), self.nodes)
        return choose_faults(self.faults, self.nodes)

    def draw_schedule(
        self, families: Mapping[str, tuple[Fault, ...]], cycles_ns: Mapping[str, int] | None = None
    ) -> list[PlannedFault]:
        """The schedule of these faults, of all that the options name; `cycles_ns` says how often
        some families strike."""
        if self.schedule:
            planned = composition.draw(composition.read(self.schedule), self.nodes, self.seed)
            # By name: each place in the text makes a fault of its own, and a plain class has no ==.
            able = {fault.name for faults in families.values() for fault in faults}
            return [one for one in planned if one.fault.name in able]
        usual_ns = dict.fromkeys(families, self.fault_interval_ns)
        cycles_ns = {**usual_ns, **(cycles_ns or {})}
        shortest_ns = int(1.5 * self.database.failover_s * SECOND_NS)
        return draw(families, self.time_limit_ns, self.seed, cycles_ns, shortest_ns)

    @property
    def shape(self) -> Shape:
        if self.environment == "maelstrom" and self.workload in KEYLESS:
            return Shape(self.values, 1, LONGEST_KEY, self.reads)
        return Shape(self.values, self.keys, self.operations_per_key, self.reads, self.popularity)

    @property
    def time_limit_ns(self) -> int:
        return int(self.time_limit * SECOND_NS)

    @property
    def fault_interval_ns(self) -> int:
        return int(self.fault_interval * SECOND_NS)

    @property
    def node_names(self) -> tuple[str, ...]:
        """All nodes: the members, then the spares."""
        return tuple(f"n{number}" for number in range(1, self.nodes + self.spares + 1))

    @property
    def member_names(self) -> tuple[str, ...]:
        """The nodes that the system begins with."""
        return self.node_names[: self.nodes]

    @property
    def command(self) -> str:
        """The line that asks for this run again: the seed and all that differs from defaults."""
        words = ["labrys", "run", *([] if self.program else [self.system])]
        words += ["--environment", self.environment]
        for option in fields(self):
            value = getattr(self, option.name)
            if option.name in ("system", "environment", "seed") or value == option.default:
                continue
            if option.name == "faults":
                value = ",".join(value) or "none"
            elif isinstance(value, float):
                value = f"{value:g}"
            name = f"--{option.name.replace('_', '-')}"
            if option.name == "require":
                words += [word for one in value for word in (name, one)]
                continue
            words += [name] if value is True else [name, str(value)]
        return shlex.join([*words, "--seed", str(self.seed)])

    def to_toml(self) -> str:
        lists = {"faults": list(self.faults), "require": list(self.require)}
        values = {**asdict(self), **lists}
        return tomli_w.dumps({n: v for n, v in values.items() if n not in self.without_effect})

    @classmethod
    def asked(cls, values: Mapping[str, Any]) -> "RunConfig":
        """As `from_values`, for what a user gave, on the command line, in TOML or in a test: an
        option that would be without effect is an `OptionError`."""
        config = cls.from_values(values)
        for option, problem in config.without_effect.items():
            if option in values:
                raise OptionError(option, problem)
        return config

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Put a configuration together from plain values, each of the type of its option."""
        types = {option.name: option.type for option in fields(cls)}
        plain: dict[str, Any] = {}
        for name, value in values.items():
            names.known("option", name, types)
            plain[name] = _converted(name, types[name], value)
        if "system" not in plain and "program" not in plain:
            raise UsageError("the option 'system' is missing; name the system under test")
        if plain.get("program"):
            plain.setdefault("environment", "maelstrom")
        if plain.get("environment") == "maelstrom":
            # Such programs seldom keep anything on a disk.
            plain.setdefault("faults", ("partition",) if plain.get("nodes") != 1 else ())
        if plain.get("environment") == "existing" and "system" in plain:
            plain.setdefault("faults", ())
            plain.setdefault("nodes", len(names.database(plain["system"]).addresses) or 1)
        return cls(**plain)


def _converted(name: str, kind: Any, value: Any) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if kind is float and isinstance(value, str) and (total := seconds(value)) is not None:
        return total
    if kind == tuple[str, ...] and isinstance(value, list | tuple):
        if all(isinstance(word, str) for word in value):
            return tuple(value)
    elif type(value) is kind:
        return value
    wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    raise OptionError(name, f"cannot be {value!r}; give {wanted.get(kind, 'a list of names')}")


def _within(option: str, value: float, least: float, most: float) -> None:
    """An `OptionError` unless the value is in the range, which also keeps infinity and NaN out."""
    if not least <= value <= most:
        raise OptionError(option, f"cannot be {value:g}; give a number from {least:g} to {most:g}")


def _check_served(system: str, served: Sequence[str], name: str, workload: Workload) -> None:
    """An `OptionError` unless the system serves all that the workload calls."""
    missing = [function for function in workload.functions if function not in served]
    if missing:
        fitting = [name for name, row in WORKLOADS.items() if {*row.functions} <= {*served}]
        raise OptionError(
            "workload",
            f"cannot be {name!r}, which calls {', '.join(missing)}: the system {system!r} serves "
            f"{', '.join(served)}; workloads that fit: {', '.join(fitting) or 'none of ours'}",
        )
