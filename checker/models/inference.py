"""Which model a history is of, where the user does not say."""

from checker.columns import Columns
from checker.history import MalformedHistory
from checker.models.catalogue import MODELS
from checker.models.fitting import fit

_COVERED = {
    "register": "cas-register",
    "etcd": "cas-register",
    "kv": "cas-register",
    "versioned-register": "cas-register",
    "set-full": "set",
    "kv-map": "cas-register",
    "total-queue": "queue",
}
"""Models that are left out where the other one fits: it judges the same calls in the usual way."""

_SOME = 5


class NotOneModel(ValueError):
    """No model fits, or several do; the message lists them."""


def infer(columns: Columns) -> str:
    """The name of the one model that fits the functions; raises `NotOneModel`."""
    called = list(columns.functions)
    fitting = [name for name in MODELS if _fits(name, columns)]
    if "append" in called:
        fitting = _appending(columns, fitting)
    left = [name for name in fitting if _COVERED.get(name) not in fitting]
    functions = ", ".join(sorted(called))
    if len(left) == 1:
        return left[0]
    if left:
        raise NotOneModel(
            f"its operations ({functions}) fit several models; name the model, one of these: "
            f"{', '.join(left)}"
        )
    raise NotOneModel(
        f"its operations ({functions}) fit no model; see `labrys list models`, rename "
        "functions to what they mean there, or name a model of your own, as module:Name"
    )


def _fits(name: str, columns: Columns) -> bool:
    try:
        fit(MODELS[name](), columns)
    except MalformedHistory:
        return False
    return True


def _appending(columns: Columns, fitting: list[str]) -> list[str]:
    """Strings that are appended to are what `kv` judges, lists what `list` does."""
    appends = columns.function == columns.functions.find("append")
    values = {type(columns.values[n]) for n in set(columns.argument[appends].tolist())}
    reads = columns.function == columns.functions.find("read")
    answers = {type(columns.values[n]) for n in set(columns.result[reads].tolist())}
    if list in answers or values != {str}:
        return [name for name in fitting if name == "list"]
    return ["kv" if name == "cas-register" else name for name in fitting
            if name not in ("register", "etcd", "kv")]  # fmt: skip
