"""What is particular to containers: images, and the ways to cut links."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from harness.clock import SECOND_NS
from harness.cluster import Capability, NoAnswer
from harness.environments import image as image_module
from harness.environments import links as links_module
from harness.environments.disks import disks_work
from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.firewall import NftFailed, host_nft
from harness.environments.image import LABEL, code_of, node_image
from harness.environments.leftovers import connect
from harness.errors import EnvironmentFailed
from systems_under_test.requests import Reply, Request
from tests.harness.deployments import deployment
from tests.harness.marks import expect_nothing_left

pytestmark = pytest.mark.docker

NODES = ("n1", "n2", "n3")


@pytest.fixture(autouse=True)
def tiny_system_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "nodes"))


@pytest.fixture
def cluster(tmp_path: Path) -> DockerCluster:
    if not engine_answers():
        pytest.skip("no Docker engine answers")
    return DockerCluster(deployment("tiny_system:Tiny", NODES, tmp_path))


def refuse(commands: str) -> str:
    raise NftFailed("Operation not permitted")


async def heard(cluster: DockerCluster, node: str, source: str) -> int:
    channel = cluster.channel(0)
    request = Request(0, 1, "heard", source)
    answer = await channel.ask(node, request, cluster.clock.now_ns() + SECOND_NS)
    await channel.close()
    assert isinstance(answer, Reply)
    count: int = answer.result
    return count


def test_a_helper_container_cuts_links_where_the_harness_may_not(
    cluster: DockerCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster:
            if Capability.CUT not in cluster.capabilities:
                pytest.skip(cluster.describe()["partitions"])
            assert cluster.describe()["partitions"] == "nftables in a helper container"
            deadline = time.monotonic() + 5
            while not await heard(cluster, "n2", "n1"):
                assert time.monotonic() < deadline
            await cluster.cut([("n1", "n2")])
            before = await heard(cluster, "n2", "n1")
            await asyncio.sleep(0.3)
            assert await heard(cluster, "n2", "n1") == before
            await cluster.mend()
            while await heard(cluster, "n2", "n1") == before:
                assert time.monotonic() < deadline

    monkeypatch.setattr(links_module, "host_nft", refuse)
    asyncio.run(scenario())


def test_without_any_way_to_cut_links_the_capability_lacks_and_says_why(
    cluster: DockerCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster:
            assert Capability.CUT not in cluster.capabilities
            assert "Operation not permitted" in cluster.describe()["partitions"]
            with pytest.raises(EnvironmentFailed, match="links cannot be cut here"):
                await cluster.cut([("n1", "n2")])
            await cluster.mend()

    monkeypatch.setattr(links_module, "host_nft", refuse)
    monkeypatch.setattr(links_module, "shares_usr", lambda client: False)
    asyncio.run(scenario())


def test_all_links_of_a_partition_change_in_one_transaction(
    cluster: DockerCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []

    def nft(text: str) -> str:
        if not text.startswith("list"):
            commands.append(text)
        return host_nft(text)

    async def scenario() -> None:
        async with cluster:
            if cluster.describe()["partitions"] != "nftables on the host":
                pytest.skip(cluster.describe()["partitions"])
            commands.clear()
            await cluster.cut((one, other) for one in NODES for other in NODES if one != other)
            assert len(commands) == 1
            assert commands[0].count(" . 7000") == 6
            await cluster.cut([("n1", "n2")])  # Once more does no harm.

    monkeypatch.setattr(links_module, "host_nft", nft)
    asyncio.run(scenario())


def test_an_image_is_made_once_and_anew_when_the_code_changes(
    cluster: DockerCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    assert client is not None
    first = node_image(client, "tiny_system:Tiny")
    assert node_image(client, "tiny_system:Tiny") == first
    assert client.images.get(first.tag).labels == {LABEL: "1"}

    def changed(top: str) -> dict[str, bytes]:
        return {**code_of(top), "system/more.py": str(Random(time.time_ns()).random()).encode()}

    monkeypatch.setattr(image_module, "code_of", changed)
    # A base image that is here is built upon, whatever it is.
    monkeypatch.setenv("LABRYS_BASE_IMAGE", first.tag)
    second = node_image(client, "tiny_system:Tiny")
    assert second.tag != first.tag
    assert second.base == first.tag
    assert not second.mounts_usr
    client.images.remove(second.tag)
    client.close()


def test_a_base_image_that_cannot_be_had_is_one_sentence(
    cluster: DockerCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABRYS_BASE_IMAGE", "localhost:9/labrys/nothing:here")
    monkeypatch.setattr(image_module, "shares_usr", lambda client: False)
    with pytest.raises(EnvironmentFailed, match=r"nothing:here is not here and cannot be pulled"):
        asyncio.run(cluster.open())


def test_no_engine_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    assert not engine_answers()
    cluster = DockerCluster(deployment("tiny_system:Tiny", NODES, tmp_path))
    with pytest.raises(EnvironmentFailed, match="no Docker engine answers: start one"):
        asyncio.run(cluster.open())


@pytest.mark.parametrize("system", ["nowhere:Node", "systems_under_test.nowhere:Node"])
def test_a_system_that_does_not_exist_is_one_sentence(cluster: DockerCluster, system: str) -> None:
    cluster.database.python = system
    with pytest.raises(EnvironmentFailed, match="nowhere"):
        asyncio.run(cluster.open())


def test_code_comes_with_the_whole_top_level_package() -> None:
    check: Callable[[str], bool] = code_of("systems_under_test").__contains__
    assert check("system/systems_under_test/node.py")
    assert check("system/systems_under_test/raft/__init__.py")
    assert list(code_of("tiny_system")) == ["system/tiny_system.py"]


@pytest.mark.skipif(not disks_work(), reason="it takes root and loop devices")
def test_a_disk_is_filled_and_freed_whether_its_node_lives_or_not(tmp_path: Path) -> None:
    if not engine_answers():
        pytest.skip("no Docker engine answers")
    needs = [Capability.DISK]
    cluster = DockerCluster(deployment("single", NODES[:2], tmp_path, needs=needs))

    async def write(node: str) -> bool:
        channel = cluster.channel(0)
        request = Request(0, 1, "write", "key", "x" * 10_000)
        try:
            return isinstance(
                await channel.ask(node, request, cluster.clock.now_ns() + SECOND_NS), Reply
            )
        except NoAnswer:
            return False
        finally:
            await channel.close()

    async def scenario() -> None:
        async with cluster:
            await cluster.fill(["n1", "n2"])
            assert [effect.nodes for effect in cluster.effects] == [("n1",), ("n2",)]
            await cluster.kill(["n2"])
            assert not await write("n1")  # Which ends for want of space.
            await cluster.free()
            assert await cluster.life("n1")
            assert await write("n1")
            await cluster.start(["n2"])
            await cluster.fill(["n2"])  # It had space again.
            assert cluster.effects[-1].nodes == ("n2",)
            assert len(cluster.effects) == 4
            await cluster.free()
            assert not cluster.crashes()

    asyncio.run(scenario())
    expect_nothing_left(cluster._owner)
