"""Machine code of a function that runs as plain Python too."""

import contextlib
from typing import Any


def machine_code(function: Any, **options: Any) -> Any:
    """The function, to be compiled when it is first called; `options` are numba's.

    It is kept on disk where that can be written, and elsewhere for as long as the process lives.
    """
    # numba takes half a second to import, so only a history long enough to win it back does.
    import numba

    try:
        made = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # No folder for it can be written.
        return numba.njit(nogil=True, **options)(function)
    save = made._cache.save_overload

    def save_if_possible(*arguments: Any) -> None:
        with contextlib.suppress(OSError):  # The disk may be full.
            save(*arguments)

    made._cache.save_overload = save_if_possible
    return made
