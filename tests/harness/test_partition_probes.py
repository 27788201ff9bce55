"""A partition comes and goes at one moment on all its links, in namespaces and in containers."""

import asyncio
import io
import os
import shutil
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.database import Argv, Database, Place
from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.engine import connect
from harness.environments.lab import in_network, namespaces_work
from harness.environments.namespaces import NamespaceCluster
from tests.harness.deployments import deployment
from tests.harness.marks import expect_nothing_left
from tests.harness.partitions import NODES, expect_a_clean_partition
from tests.harness.registers import made

IMAGE = f"labrys-test-probed:{os.getpid()}"  # Another test run may be at it as well.
needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc here")


class Program(Database):
    """The register of the tests, where `binary` is."""

    image: ClassVar[str] = IMAGE
    ports = (4000,)

    def __init__(self, binary: str) -> None:
        self.binary = binary

    def command(self, at: Place) -> Argv:
        return [self.binary, "4000"]


def reaches(place: Place) -> bool:
    try:
        with socket.create_connection((place.host, 4000), 0.5) as line:
            line.sendall(b"read")
            return line.recv(99) == b"null"
    except OSError:
        return False


@needs_gcc
@pytest.mark.local
@pytest.mark.skipif(not namespaces_work(), reason="no namespaces can be made here")
def test_in_namespaces(tmp_path: Path) -> None:
    binary = str(made(tmp_path) / "register")
    cluster = NamespaceCluster(deployment(Program(binary), NODES, tmp_path / "run"))

    async def scenario() -> None:
        async with cluster:
            await expect_a_clean_partition(
                cluster, cluster._lab.as_if_in, lambda node: reaches(cluster.places[node])
            )

    asyncio.run(scenario())
    expect_nothing_left(cluster._owner)


@needs_gcc
@pytest.mark.docker
@pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers")
@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to probe from within containers")
def test_in_containers(tmp_path: Path) -> None:
    client = connect()
    assert client is not None
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(made(tmp_path) / "register", "register")
    client.api.import_image_from_data(out.getvalue(), *IMAGE.split(":"))
    cluster = DockerCluster(deployment(Program("/register"), NODES, tmp_path / "run"))

    def inside(node: str, action: Callable[[], Any]) -> Any:
        with Path(f"/proc/{cluster._inspect(node)[0]['Pid']}/ns/net").open() as network:
            return in_network(network.fileno(), action)

    async def scenario() -> None:
        async with cluster:
            await expect_a_clean_partition(
                cluster, inside, lambda node: reaches(cluster.places[node])
            )

    try:
        asyncio.run(scenario())
    finally:
        client.images.remove(IMAGE)
        client.close()
    expect_nothing_left(cluster._owner)
