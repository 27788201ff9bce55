"""Compiles functions that also run as plain Python, each on its own source."""

from collections.abc import Sequence
from types import FunctionType, ModuleType
from typing import Any


def compiled(functions: Sequence[str], *modules: ModuleType) -> dict[str, Any]:
    """These functions of these modules, compiled, each after those that it calls.

    They are kept on disk, so that only the first use ever pays for it.
    """
    # numba takes half a second to import, so only a history long enough to win it back does.
    import numba

    namespace = {name: item for module in modules for name, item in vars(module).items()}
    for name in functions:
        plain: Any = namespace[name]
        bound = FunctionType(plain.__code__, namespace, name)
        namespace[name] = numba.njit(cache=True, nogil=True)(bound)
    return namespace
