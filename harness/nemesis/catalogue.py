"""The faults that Labrys brings along, by name and by family."""

from harness.nemesis.clocks import WrongClock, Wrongness
from harness.nemesis.damage import DamagedJournal, Harm
from harness.nemesis.disks import DiskFull, FailingDisk, SlowDisk
from harness.nemesis.fault import Fault, Target
from harness.nemesis.membership import Change, MemberChange
from harness.nemesis.nodes import Kill, Pause, PowerLoss
from harness.nemesis.packets import Disturbance, Trouble
from harness.nemesis.partition import Partition, PartitionShape
from harness.nemesis.squeeze import LittleMemory, RestartLoop, RestartOne, SlowProcessors, Terminate
from harness.nemesis.unsteady import Pattern, Unsteady

_ALL: tuple[Fault, ...] = (
    *(Partition(shape) for shape in PartitionShape),
    *(Unsteady(pattern) for pattern in Pattern),
    *(Kill(target) for target in Target),
    *(Pause(target) for target in Target),
    *(MemberChange(change) for change in Change),
    *(Disturbance(trouble) for trouble in Trouble),
    *(PowerLoss(target) for target in Target),
    *(DiskFull(target) for target in Target),
    *(SlowDisk(target) for target in Target),
    *(FailingDisk(target) for target in Target),
    *(DamagedJournal(harm) for harm in Harm),
    RestartLoop(),
    RestartOne(),
    Terminate(),
    SlowProcessors(),
    LittleMemory(),
    *(WrongClock(wrongness) for wrongness in Wrongness),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}
"""Every single fault by name."""

FAMILIES: dict[str, tuple[Fault, ...]] = {
    family: tuple(fault for fault in _ALL if fault.family == family)
    for family in dict.fromkeys(fault.family for fault in _ALL)
}
"""The faults of each family: naming a family stands for all that fit the size of the cluster."""
