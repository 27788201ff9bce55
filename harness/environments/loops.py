"""Disks for containers: files as loop devices, which the engine mounts as volumes.

The engine mounts in the host's own namespace, so that these do not go with the harness as those of
`disks` do. The name of each file has the owner's mark, by which `leftovers` finds the devices.
"""

from pathlib import Path

from harness.environments.disks import BALLAST, make_image, run
from harness.environments.owner import Owner
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

PREFIX = "labrys_"
OPTIONS = {"type": "ext4", "o": "commit=600"}
"""How the engine is to mount them."""


class LoopDisks:
    """The loop devices of one run's nodes."""

    def __init__(self, folder: Path, owner: Owner) -> None:
        self._folder = folder
        self._mark = owner.text()
        self._made: dict[str, Path] = {}

    def make(self, node: NodeId) -> str:
        """Make a node's disk, and return its device; `EnvironmentFailed` where that fails."""
        image = self._folder / f"{PREFIX}{self._mark}.{node}.disk"
        make_image(image, f"make a disk for {node}")
        words = ["losetup", "--find", "--show", str(image)]
        device = run(words, f"make a device for {node}").strip()
        self._made[device] = image
        return device

    def free(self, node: NodeId) -> bool:
        """Give a disk its space back that nothing has mounted; whether it was full."""
        found = (device for device, image in self._made.items() if image.suffixes[-2] == f".{node}")
        for device in found:
            script = 'mount "$1" "$2" && { test -e "$3" || exit 0; rm "$3" && echo freed; }'
            words = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", script]
            folder = self._folder / f"{node}.seen"
            folder.mkdir(exist_ok=True)
            freed = run([*words, "sh", device, str(folder), str(folder / BALLAST)], f"free {node}")
            folder.rmdir()
            return "freed" in freed
        return False

    def close(self) -> None:
        """Give the devices up, once nothing has them mounted."""
        for device, image in self._made.items():
            remove_loop(device, image)
        self._made.clear()


def remove_loop(device: str, image: Path) -> None:
    """Detach a device, and remove its file; the kernel detaches what is mounted a little later."""
    run(["losetup", "--detach", device], f"give {device} up")
    image.unlink(missing_ok=True)


def loops_of_dead_runs() -> list[tuple[str, Path, Owner]]:
    """Devices and files whose harness is dead, with their owners."""
    listing = ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"]
    try:
        lines = run(listing, "list loop devices").splitlines()
    except (EnvironmentFailed, OSError):
        return []
    found = []
    for line in lines:
        device, _, file = line.strip().partition(" ")
        image = Path(file.strip().removesuffix(" (deleted)"))
        marked = image.name.startswith(PREFIX) and image.name.endswith(".disk")
        mark = image.name.removeprefix(PREFIX).rsplit(".", 2)[0]
        owner = Owner.parse(mark) if marked else None
        if owner is not None and not owner.alive():
            found.append((device, image, owner))
    return found
