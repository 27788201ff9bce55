"""What commands print besides their answers."""

import sys


def say(sentence: str) -> None:
    """Tell a person something that is not the command's answer."""
    print(f"labrys: {sentence}", file=sys.stderr)
