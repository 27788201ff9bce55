"""What the drawings of a page have in common."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Everything in the units of the drawing, from its top left; `ticks` are moments in words."""

    width: float
    height: float
    ticks: tuple[tuple[float, str], ...]
