"""What may end a search before it has decided."""


class LimitReached(Exception):
    """Time or memory ran out; the message names which."""
