"""The links between containers: a way to cut them, and whether they are cut.

Partitions are rules of nftables on the engine's bridge (`firewall`), set by the host's nft where
the harness has the rights, else by nft in a helper container that shares the host's network. Where
neither works, links cannot be cut, and `refusals` says why.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import docker
from docker.errors import DockerException

from harness.cluster import Link
from harness.database import Address
from harness.environments.engine import engine_errors, reason_of
from harness.environments.firewall import (
    Firewall,
    Nft,
    NftFailed,
    host_nft,
    remove_table,
    tables_of_dead_runs,
)
from harness.environments.image import Image, shares_usr
from harness.environments.owner import Owner
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId


class ContainerLinks:
    """All links of one run's containers."""

    def __init__(
        self,
        client: docker.DockerClient,
        owner: Owner,
        addresses: Mapping[NodeId, Address],
        *,
        by_port: bool,
    ) -> None:
        """`by_port` as in `Firewall`."""
        self._by_port = by_port
        self._client = client
        self._owner = owner
        self._addresses = addresses
        self._firewall: Firewall | None = None
        self.helper: str | None = None
        """The helper container, where there is one; it is removed with the others."""

        self.way = "none"
        """How links are cut, or why they cannot be, for people."""

    @property
    def can_cut(self) -> bool:
        return self._firewall is not None

    def open(self, image: Callable[[], Image], name: str, labels: Mapping[str, str]) -> None:
        """Find a way to cut links; a helper container is made of that image, with this name."""
        refusals = []
        ways: list[tuple[str, Callable[[], Nft]]] = [("nftables on the host", lambda: host_nft)]
        if shares_usr(self._client):
            helper = "nftables in a helper container"
            ways.append((helper, lambda: self._helper_nft(image(), name, labels)))
        for way, make in ways:
            try:
                nft = make()
                firewall = Firewall(nft, self._owner, self._addresses, by_port=self._by_port)
                firewall.create()
                for table, _ in tables_of_dead_runs(nft):
                    remove_table(nft, table)
            except (NftFailed, DockerException) as error:
                refusals.append(f"{way}: {reason_of(error)}")
            else:
                self._firewall, self.way = firewall, way
                return
        self.way = "none (" + "; ".join(refusals) + ")"

    def close(self) -> None:
        if self._firewall is not None:
            with contextlib.suppress(NftFailed, DockerException):
                self._firewall.remove()
        self._firewall = None

    def cut(self, links: Sequence[Link]) -> None:
        self._change(lambda firewall: firewall.cut(links))

    def mend(self, but: Iterable[Link]) -> None:
        if self._firewall is not None:
            self._change(lambda firewall: firewall.mend(but))

    def dropped(self) -> int:
        """How many packets were dropped so far because their link was cut."""
        found = 0

        def look(firewall: Firewall) -> None:
            nonlocal found
            found = firewall.dropped()

        self._change(look)
        return found

    def hold(self) -> bool:
        """Whether any link is cut."""
        found = False

        def look(firewall: Firewall) -> None:
            nonlocal found
            found = firewall.holds()

        if self._firewall is not None:
            self._change(look)
        return found

    def connects(self, container: str, target: NodeId) -> bool:
        """Whether a process in that container can connect to the target."""
        api = self._client.api
        connect = f"import socket; socket.create_connection({self._addresses[target]!r}, 0.5)"
        with engine_errors(f"try the link to {target}"):
            call = api.exec_create(container, ["python3", "-c", connect])
            api.exec_start(call["Id"])
            return bool(api.exec_inspect(call["Id"])["ExitCode"] == 0)

    def _change(self, action: Callable[[Firewall], None]) -> None:
        if self._firewall is None:
            raise EnvironmentFailed(
                f"links cannot be cut here, {self.way}: "
                "run with the rights for nftables, or use the environment local"
            )
        try:
            action(self._firewall)
        except (NftFailed, DockerException) as error:
            raise EnvironmentFailed(
                f"the links could not be changed ({reason_of(error)}): run again, "
                "and leave the nftables of a run alone while it goes on"
            ) from error

    def _helper_nft(self, image: Image, name: str, labels: Mapping[str, str]) -> Nft:
        """An nft that runs in a container with the host's network and the right to change it."""
        api = self._client.api
        made = api.create_container(
            image.tag,
            ["sleep", "infinity"],
            name=name,
            labels=dict(labels),
            host_config=api.create_host_config(
                binds=["/usr:/usr:ro"],
                network_mode="host",
                cap_drop=["ALL"],
                cap_add=["NET_ADMIN"],
                init=False,
            ),
        )
        self.helper = made["Id"]
        api.start(self.helper)

        def nft(commands: str) -> str:
            call = api.exec_create(self.helper, ["/usr/sbin/nft", commands])
            output = api.exec_start(call["Id"]).decode(errors="replace")
            if api.exec_inspect(call["Id"])["ExitCode"] != 0:
                raise NftFailed(output.strip()[:300])
            return output

        return nft
