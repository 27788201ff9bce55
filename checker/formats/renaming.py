"""Takes a history of Labrys as the user says: functions by other names, null reads as unknown."""

from dataclasses import replace

import numpy as np

from checker.columns import INFO, NEVER, OK, Table
from checker.formats.meaning import Meaning, NilReads
from checker.history import History, Source


def retaken(history: History, meaning: Meaning, source: Source) -> History:
    """The history with that meaning, read from there."""
    columns = history.columns
    if meaning.renamed:
        table = Table()
        names = [meaning.renamed.get(name, name) for name in columns.functions]
        numbers = table.numbers(names)
        columns = replace(columns, function=numbers[columns.function], functions=table)
    if meaning.nil_reads is NilReads.UNKNOWN:
        reads = columns.function == columns.functions.find("read")
        nothing = columns.result == columns.values.find(None)
        unknown = reads & nothing & (columns.outcome == OK)
        columns = replace(
            columns,
            outcome=np.where(unknown, INFO, columns.outcome),
            completed=np.where(unknown, NEVER, columns.completed),
        )
    return History(
        faults=history.faults, phases=history.phases, torn=history.torn, columns=columns,
        source=source,
    )  # fmt: skip
