"""nft does the same by its library and by its program, and either refuses in words."""

from collections.abc import Callable

import pytest

from harness.environments import firewall
from harness.environments.firewall import Firewall, NftFailed, host_nft
from harness.environments.owner import this_process

try:
    host_nft("list tables\n")
except NftFailed as refused:
    pytest.skip(f"nft cannot be used here: {refused}", allow_module_level=True)

ADDRESSES = {"n1": ("192.0.2.1", 7), "n2": ("192.0.2.2", 7), "n3": ("192.0.2.3", 8)}


@pytest.mark.parametrize("nft", [firewall._by_library, firewall._by_program])
@pytest.mark.parametrize("by_port", [True, False])
def test_a_table_is_made_changed_and_removed(nft: Callable[[str], str], by_port: bool) -> None:
    if nft is firewall._by_library and firewall._library() is None:
        pytest.skip("libnftables is not here")
    owner = this_process(f"test{int(by_port)}{nft.__name__.strip('_')}".replace("_", ""))
    rules = Firewall(nft, owner, ADDRESSES, by_port=by_port)
    rules.create()
    try:
        rules.cut([("n1", "n2"), ("n3", "n1")])
        rules.cut([("n1", "n2")])
        shown = nft(f"list set bridge labrys_{owner.text()} cut\n")
        port = " . 7" if by_port else ""
        assert f"192.0.2.1 . 192.0.2.2{port}" in shown
        assert f"192.0.2.3 . 192.0.2.1{port}" in shown
        rules.mend([("n2", "n3")])
        shown = nft(f"list set bridge labrys_{owner.text()} cut\n")
        assert "192.0.2.2 . 192.0.2.3" in shown
        assert "192.0.2.1" not in shown
        assert rules.dropped() == 0
    finally:
        rules.remove()
    with pytest.raises(NftFailed, match="No such file or directory"):
        rules.cut([("n1", "n2")])


def test_where_the_library_is_not_here_the_program_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "_library", lambda: None)
    assert isinstance(host_nft("list tables\n"), str)
