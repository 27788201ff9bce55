"""Programs in containers: of an image, and of a docker-compose file; killed and paused whole."""

import asyncio
import io
import os
import shutil
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import docker
import pytest

from harness.cluster import Capability
from harness.database import Argv, Database, Place
from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.engine import connect
from harness.environments.lab import connects_from
from harness.errors import EnvironmentFailed
from tests.harness.deployments import deployment
from tests.harness.marks import expect_nothing_left
from tests.harness.registers import made

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers"),
    pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc here"),
]

IMAGE = f"labrys-test-register:{os.getpid()}"  # Another test run may be at it as well.
NODES = ("n1", "n2", "n3")

COMPOSE = """
services:
  one: {{image: "{image}", command: /register 4000, volumes: [kept:/var/kept]}}
  two: {{image: "{image}", command: [/register, "4000"], depends_on: [one], restart: always}}
volumes: {{kept: }}
"""


class Two(Database):
    """Two programs a node, and a file for them."""

    image: ClassVar[str] = IMAGE
    ports = (4000, 4001)

    def prepare(self, at: Place) -> None:
        (at.data / "settings").write_text(f"I am {at.node}")

    def command(self, at: Place) -> list[Argv]:
        return [["/register", str(port)] for port in at.ports]

    async def ready(self, at: Place) -> bool:
        return all(answers(at, port) for port in at.ports)


def answers(at: Place, port: int) -> bool:
    try:
        with socket.create_connection((at.host, port), 0.5) as line:
            line.settimeout(0.5)
            line.sendall(b"read")
            return line.recv(99) == b"null"
    except OSError:
        return False


def reaches(cluster: DockerCluster, target: str, port: int) -> bool | None:
    """Whether n1 reaches that port; None where we may not enter its network."""
    network = Path(f"/proc/{cluster._inspect('n1')[0]['Pid']}/ns/net")
    return connects_from(network, (cluster.places[target].host, port))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[docker.DockerClient]:
    """The engine, with an image that holds nothing but the binary."""
    client = connect()
    assert client is not None
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(made(tmp_path) / "register", "register")
    client.api.import_image_from_data(out.getvalue(), *IMAGE.split(":"))
    yield client
    client.images.remove(IMAGE)
    client.close()


def test_the_programs_of_a_node_start_stop_and_end_together(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    cluster = DockerCluster(deployment(Two(), NODES[:2], tmp_path))

    async def scenario() -> None:
        async with cluster:
            place = cluster.places["n2"]
            assert cluster.describe()["images"] == [IMAGE]
            assert await cluster.leader() is None
            cluster.changed_last = "n2"
            assert await cluster.leader() == "n2"  # These programs say nothing of themselves.
            assert cluster.describe()["leaders"] == {"who made a change last": 1}
            containers = engine.containers.list(filters={"name": cluster._containers.name})
            assert len(containers) == 4
            (first,) = (one for one in containers if one.name.endswith("-n2"))
            stream, _ = first.get_archive(f"{place.data}/settings")
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
                settings = tar.extractfile("settings")
                assert settings is not None
                assert settings.read() == b"I am n2"
            await cluster.pause(["n2"])
            assert not answers(place, 4000)
            assert not answers(place, 4001)
            await cluster.resume(["n2"])
            before = await cluster.life("n2")
            await cluster.kill(["n2"])
            assert await cluster.life("n2") == ""
            assert not answers(place, 4001)
            await cluster.start(["n2"])
            assert await cluster.life("n2") not in ("", before)
            assert answers(place, 4001)
            # These programs are silent: whether a link is cut is tried from a node's network.
            if Capability.CUT in cluster.capabilities:
                assert await cluster.is_cut([("n1", "n2")]) in (False, None)
                await cluster.cut([("n1", "n2")])
                assert reaches(cluster, "n2", 4001) in (False, None)  # On every port.
                await cluster.mend()
                assert reaches(cluster, "n2", 4001) in (True, None)
            assert not cluster.crashes()

    asyncio.run(scenario())
    expect_nothing_left(cluster._owner)


class Composed(Two):
    compose: ClassVar[str | None] = "docker-compose.yml"
    ports = (4000,)


def test_a_compose_file_is_run_as_it_says(
    engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("docker-compose.yml").write_text(COMPOSE.format(image=IMAGE))
    cluster = DockerCluster(deployment(Composed(), NODES[:2], tmp_path))

    async def scenario() -> None:
        async with cluster:
            assert cluster.describe()["commands"] == {
                node: [["/register", "4000"]] for node in NODES[:2]
            }
            one, two = sorted(
                engine.containers.list(filters={"name": cluster._containers.name}),
                key=lambda container: str(container.name),
            )
            volume, place = f"{cluster._containers.name}-n1-kept", "/var/kept"
            (mount,) = one.attrs["Mounts"]
            assert (mount["Name"], mount["Destination"]) == (volume, place)
            assert two.attrs["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
            (network,) = two.attrs["NetworkSettings"]["Networks"].values()
            assert "two" in network["Aliases"]
            await cluster.kill(["n2"])
            assert not answers(cluster.places["n2"], 4000)
            await cluster.start(["n2"])

    asyncio.run(scenario())
    expect_nothing_left(cluster._owner)


class NowhereToBeFound(Two):
    image: ClassVar[str] = "registry.invalid/no/such:image"


class OfNothing(Two):
    image: ClassVar[None] = None  # type: ignore[assignment]


class WithoutPorts(Two):
    ports = ()


class Misspelt(Two):
    def command(self, at: Place) -> list[Argv]:
        return [["/registre", "4000"]]


class WithoutCommand(Two):
    def command(self, at: Place) -> list[Argv]:
        return []


@pytest.mark.parametrize(
    ("database", "words"),
    [
        (NowhereToBeFound(), "there is no image registry.invalid/no/such:image here"),
        (OfNothing(), "does not say what its containers are made of"),
        (WithoutPorts(), "the database names no ports: list those it listens on"),
        (Misspelt(), "/registre.*no such file.*: see to the system's command and image"),
        (WithoutCommand(), "No command specified.*: see to the system's command and image"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(
    database: Database, words: str, tmp_path: Path, engine: docker.DockerClient
) -> None:
    async def scenario() -> None:
        cluster = DockerCluster(deployment(database, NODES, tmp_path))
        with pytest.raises(EnvironmentFailed, match=words):
            await cluster.open()
        expect_nothing_left(cluster._owner)

    asyncio.run(scenario())
