"""Which parts of a drawing hold a text already, so that none is written over another."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


class Room:
    """The boxes of the texts so far."""

    def __init__(self) -> None:
        self._taken: list[Box] = []

    def take(self, box: Box) -> bool:
        """Take a box if it is free."""
        left, top, right, bottom = box
        if any(a < right and left < c and b < bottom and top < d for a, b, c, d in self._taken):
            return False
        self._taken.append(box)
        return True


def box(x: float, y: float, text: str, size: float, anchor: str = "start") -> Box:
    """The box of a text whose baseline is at `y`; rather too large than too small."""
    width = 0.64 * size * len(text)
    left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
    return left, y - size, left + width, y + 0.3 * size
