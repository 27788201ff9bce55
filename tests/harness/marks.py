"""What is left of a run: everything that carries the mark of its harness."""

import contextlib
import time
from pathlib import Path

from harness.environments.engine import connect
from harness.environments.firewall import NftFailed, host_nft
from harness.environments.leftovers import OWNER_LABEL
from harness.environments.owner import Owner, process_began


def things_of(owner: Owner) -> list[str]:
    """All that carries the mark of that harness: processes, things of the engine, tables."""
    mark = f"_{owner.pid}_{owner.began}_"
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes() and process_began(int(entry.name)):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    client = connect()
    if client is not None:
        labelled = {"label": OWNER_LABEL}
        listed = client.api.containers(all=True, filters=labelled)
        listed += client.api.networks(filters=labelled)
        listed += client.api.volumes(filters=labelled)["Volumes"] or []
        found += [str(entry) for entry in listed if mark in entry["Labels"][OWNER_LABEL]]
        client.close()
    with contextlib.suppress(NftFailed):
        found += [line for line in host_nft("list tables\n").splitlines() if mark in line]
    return found


def expect_nothing_left(owner: Owner) -> None:
    """Fail if anything of that harness is still there after a while."""
    deadline = time.monotonic() + 3
    while left := things_of(owner):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)
