"""How often each of the keys in use is drawn: all alike, by Zipf's law, or one of them most often.

even        all alike
zipf:1.2    the key of rank r with a weight of r ** -1.2 (Zipf; YCSB uses 0.99)
hot:80      80 of 100 calls go to one hot key, the others to all other keys alike
"""

STEEPEST = 10.0


def weights(popularity: str, keys: int) -> list[float] | None:
    """The weight of each of so many keys; None where all are alike.

    Raises `ValueError`, with what to give instead, for a text that means nothing.
    """
    kind, colon, number = popularity.partition(":")
    if popularity == "even":
        return None
    try:
        amount = float(number) if colon else -1.0
    except ValueError:
        amount = -1.0
    if kind == "zipf" and 0 < amount <= STEEPEST:
        return [rank**-amount for rank in range(1, keys + 1)]
    if kind == "hot" and 0 < amount <= 100:
        others = keys - 1
        return [amount, *[(100 - amount) / others] * others] if others else None
    raise ValueError(
        f"give even, zipf:S with S above 0 and up to {STEEPEST:g}, or hot:P with P up to 100"
    )
