"""The example of docs/writing-a-system.md works as it stands there."""

import importlib.util
import re
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from systems_under_test.node import Message, Persist, Received, Send, Started
from systems_under_test.requests import Refusal, Reply, Request

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-system.md"


@pytest.fixture
def mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's module, imported from a file as a user would have it."""
    system, _ = code_of_page()
    (tmp_path / "mirrored.py").write_text(system)
    spec = importlib.util.spec_from_file_location("mirrored", tmp_path / "mirrored.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mirrored", module)
    spec.loader.exec_module(module)
    return module


def code_of_page() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_pages_own_test_passes(mirrored: Any) -> None:
    _, test = code_of_page()
    names = {"Mirrored": mirrored.Mirrored, "Random": Random, "Started": Started}
    names |= {"Received": Received, "Message": Message, "Request": Request, "Reply": Reply}
    exec(test, names | {"Persist": Persist, "Send": Send})


def test_a_backup_reads_old_values_until_the_copy_arrives_and_keeps_them(mirrored: Any) -> None:
    primary = mirrored.Mirrored("n1", ["n2"], Random(0))
    backup = mirrored.Mirrored("n2", ["n1"], Random(0))
    for node in (primary, backup):
        assert node.step(Started(()), 0) == []

    def ask(node: Any, function: str, argument: Any = None) -> list[Any]:
        request = Request(0, 1, function, "a", argument)
        effects: list[Any] = node.step(Received(Message("client", node.node_id, request)), 0)
        return effects

    copy = ask(primary, "write", 5)[-1].message
    assert ask(backup, "read") == [Send(Message("n2", "client", Reply(1, None)))]
    (record,) = (e.record for e in backup.step(Received(copy), 0))
    assert ask(backup, "read") == [Send(Message("n2", "client", Reply(1, 5)))]
    again = mirrored.Mirrored("n2", ["n1"], Random(0))
    again.step(Started((record,)), 0)
    assert ask(again, "read") == [Send(Message("n2", "client", Reply(1, 5)))]
    refusal = Refusal(1, "not-leader", "n1")
    assert ask(again, "write", 6) == [Send(Message("n2", "client", refusal))]
