"""Which of the faults that a run asks for its environment can do, and why not the others."""

from collections.abc import Callable, Iterable

from harness import names
from harness.cluster import Capability
from harness.config import RunConfig
from harness.errors import OptionError
from harness.nemesis.fault import Fault


def feasible(
    config: RunConfig,
    able: frozenset[Capability],
    environment: str,
    way: Callable[[Iterable[Capability]], str] = lambda _: "",
) -> tuple[dict[str, tuple[Fault, ...]], list[str]]:
    """The faults that an environment which is `able` to do so much can do, by family, and sentences
    about the others; `way` adds why something cannot be done.

    Raises `OptionError` for a family that was asked for by name, is not usual and cannot be.
    """
    families: dict[str, tuple[Fault, ...]] = {}
    refused: list[str] = []
    for family, faults in config.families.items():
        possible = tuple(fault for fault in faults if fault.needs <= able)
        if possible:
            families[family] = possible
        if len(possible) == len(faults):
            continue
        missed = [fault for fault in faults if fault not in possible]
        lacking = {need for fault in missed for need in fault.needs - able}
        cannot = f"the {environment} environment cannot {', '.join(sorted(lacking))}"
        if lacking == {Capability.MEMBERS}:
            cannot = f"the members of the system {config.system!r} never change"
        why = way(lacking)
        optional = may_be_left_out(config, family) or any(fault.usual for fault in faults)
        if not possible and not optional:
            raise OptionError(
                "faults",
                f"cannot hold {family} here: {cannot}{why}; "
                "choose another environment, or other faults",
            )
        which = ", ".join(fault.name for fault in missed) if possible else f"{family} faults"
        refused.append(f"{cannot}{why}: no {which}")
    return families, refused


def may_be_left_out(config: RunConfig, family: str) -> bool:
    """Whether the family is there only because all were asked for."""
    if names.ALL_FAULTS not in config.faults or config.schedule:
        return False
    asked = (name for name in config.faults if name != names.ALL_FAULTS)
    return family not in {fault.family for name in asked for fault in names.faults(name)}
