"""What becomes of what a link carries, of a disk, of a journal: values that faults hand over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    """What becomes of what a link carries: packets, or messages where there are no packets.

    Each is held up for `delay_ns`, more or less by up to `jitter_ns`, and keeps its order unless
    `reorders`. What is corrupt its receiver throws away, by the checksum. Chances are from 0 to 1;
    `rate` is in bytes a second, 0 for any.
    """

    delay_ns: int = 0
    jitter_ns: int = 0
    reorders: bool = False
    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Weakness:
    """What is wrong with a disk: each sync takes `slow_ns` longer; `failing` is "write" or "sync"
    where these fail."""

    slow_ns: int = 0
    failing: str = ""


@dataclass(frozen=True, slots=True)
class Corruption:
    """What becomes of a journal: a bit flipped at each of these places, or all behind the first
    one `cuts` off. A place is a share of the file, from 0 to less than 1."""

    places: tuple[float, ...]
    cuts: bool

    def done_to(self, data: bytes) -> bytes:
        """The journal afterwards."""
        changed = bytearray(data)
        if self.cuts:
            del changed[self.bits(data)[0] // 8 :]
        for bit in () if self.cuts else self.bits(data):
            changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)

    def bits(self, data: bytes) -> list[int]:
        """The places, counted in bits of this file. No bit is flipped twice."""
        return sorted({int(place * 8 * len(data)) for place in self.places})

    def told(self, data: bytes) -> str:
        """The damage in words."""
        places = [bit // 8 for bit in self.bits(data)]
        if self.cuts:
            return f"cut off at byte {places[0]}"
        return f"a bit flipped at byte {', '.join(map(str, places))}"
