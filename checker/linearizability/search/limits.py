"""What may end a search before it has decided."""

OVER = "end of its turn"

PROVES_NOTHING = "no proof"
"""What ends a search of more orders than there are, or of fewer, whose answer says nothing."""

PATIENCE_S = 1.0
"""Seconds after which it pays to start processes, each of which needs some tenths of one."""


class LimitReached(Exception):
    """Time or memory ran out, or what was searched proves nothing; the message says which."""


class TurnOver(LimitReached):
    """An engine has made as many steps as it was to make before another one has its turn."""

    def __init__(self) -> None:
        super().__init__(OVER)
