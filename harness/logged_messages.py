"""messages.json of a run that wrote its messages down as they went (`message_log`)."""

from checker.history import History
from harness.environments.message_log import MESSAGES, read_messages
from harness.judge import read_json
from harness.simulation.messages import DRAWN_MAX, END, LONGEST_NS, moments, nearest, window
from harness.store import FORMAT_VERSION, RunDirectory


def keep_logged_messages(directory: RunDirectory) -> None:
    """Write the messages around the violation of a run that was judged."""
    path = directory.path / MESSAGES
    if not path.exists():
        return
    result = read_json(directory.result)
    begins_ns, ends_ns = window(result, History.read(directory.history))
    entries = list(read_messages(path))
    if ends_ns == END:
        ends_ns = max((entry.get("sent_ns", 0) for entry in entries), default=0)
    if not moments(result):
        begins_ns = max(begins_ns, ends_ns - LONGEST_NS)
    inside = [
        entry
        for entry in entries
        if "sent_ns" in entry and begins_ns <= (entry["arrived_ns"] or entry["sent_ns"]) <= ends_ns
    ]
    shown = inside
    if len(inside) > DRAWN_MAX:
        shown = [entry for entry in inside if entry["matters"]]
    shown = sorted(shown, key=lambda entry: entry["sent_ns"])
    shown = nearest(shown, [entry["sent_ns"] for entry in shown], moments(result))
    directory.write_json(
        "messages.json",
        {
            "labrys": "messages",
            "version": FORMAT_VERSION,
            "begins_ns": min((entry["sent_ns"] for entry in shown), default=begins_ns),
            "ends_ns": ends_ns,
            "left_out": len(inside) - len(shown),
            "messages": shown,
            "marks": [e for e in entries if "text" in e and 0 <= e.get("time_ns", -1) < ends_ns],
        },
    )
