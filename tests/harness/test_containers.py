"""Programs in containers: of an image, and of a docker-compose file; killed and paused whole."""

import asyncio
import io
import shutil
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
from harness.errors import EnvironmentFailed
from tests.harness.deployments import deployment_of
from tests.harness.registers import made
from tests.processes import labrys

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers"),
    pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc here"),
]

IMAGE = "labrys-test-register:1"
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
        return all([await answers(at, port) for port in at.ports])


async def answers(at: Place, port: int) -> bool:
    try:
        async with asyncio.timeout(0.5):
            reader, writer = await asyncio.open_connection(at.host, port)
            writer.write(b"read")
            said = await reader.read()
    except (OSError, TimeoutError):
        return False
    writer.close()
    return said == b"null"


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
    cluster = DockerCluster(deployment_of(Two(), NODES, tmp_path))

    async def scenario() -> None:
        async with cluster:
            place = cluster.places["n2"]
            made_of = cluster.describe()["images"]
            assert made_of == {node: [IMAGE, IMAGE] for node in NODES}
            containers = engine.containers.list(filters={"name": cluster._containers.name})
            assert len(containers) == 6
            (first,) = (one for one in containers if one.name.endswith("-n2"))
            stream, _ = first.get_archive(f"{place.data}/settings")
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
                settings = tar.extractfile("settings")
                assert settings is not None
                assert settings.read() == b"I am n2"
            await cluster.pause(["n2"])
            assert not await answers(place, 4000)
            assert not await answers(place, 4001)
            await cluster.resume(["n2"])
            before = await cluster.life("n2")
            await cluster.kill(["n2"])
            assert await cluster.life("n2") == ""
            assert not await answers(place, 4001)
            await cluster.start(["n2"])
            assert await cluster.life("n2") not in ("", before)
            assert await answers(place, 4001)
            # These programs are silent: whether a link is cut is tried from a node's network.
            if Capability.CUT in cluster.capabilities:
                assert await cluster.is_cut([("n1", "n3")]) in (False, None)
                await cluster.cut([("n1", "n3")])
                await cluster.mend()
            assert not cluster.crashes()

    asyncio.run(scenario())
    assert not engine.containers.list(all=True, filters={"name": cluster.folder.name})


def test_a_compose_file_is_run_as_it_says(engine: docker.DockerClient, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text(COMPOSE.format(image=IMAGE))
    line = "run registers:InContainers --nodes 2 --keys 1 --operations-per-key 1000000 "
    line += "--faults none --time-limit 2 --seed 1 --environment docker"
    done = labrys(line, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no order explains" in done.stdout


class NowhereToBeFound(Two):
    image: ClassVar[str] = "registry.invalid/no/such:image"


class OfNothing(Two):
    image: ClassVar[None] = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("database", "words"),
    [
        (NowhereToBeFound(), "there is no image registry.invalid/no/such:image here"),
        (OfNothing(), "does not say what its containers are made of"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(
    database: Database, words: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        cluster = DockerCluster(deployment_of(database, NODES, tmp_path))
        with pytest.raises(EnvironmentFailed, match=words):
            await cluster.open()

    asyncio.run(scenario())
