"""Real stores under test: what is sound is valid, and what is known to be flawed is found."""

import contextlib
import gc
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.conduct import conduct
from harness.config import RunConfig
from harness.environments.docker import engine_answers
from harness.environments.lab import namespaces_work
from harness.judge import judge
from tests.harness.registers import made

pytestmark = [
    pytest.mark.local,
    # Drivers may leave a socket to the garbage collector where a call is cancelled; `collected`
    # has it find them here and not in whatever test comes later.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(
        not (os.geteuid() == 0 and namespaces_work()),
        reason="network namespaces cannot be made here",
    ),
]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


def needs(program: str, driver: str = "json") -> pytest.MarkDecorator:
    here = shutil.which(program) and importlib.util.find_spec(driver)
    return pytest.mark.skipif(not here, reason=f"{program} or its driver {driver} is not here")


def judged(system: str, folder: Path, **options: Any) -> dict[str, Any]:
    """What is said in the end of a run in namespaces with three nodes, or as the options say."""
    usual = {"environment": "namespaces", "nodes": 3, "seed": 1}
    config = RunConfig.from_values({"system": system, **usual, **options})
    return judge(conduct(config, folder, lambda config, recorder: contextlib.nullcontext()))


def valid(system: str, folder: Path, **options: Any) -> None:
    result = judged(system, folder, **options)
    assert result["verdict"] == "valid", result["reason"]


def convicted(system: str, folder: Path, **options: Any) -> None:
    """Fail unless a run is convicted of not being linearizable, the third at the latest."""
    for seed in (1, 2, 3):
        result = judged(system, folder, **options, check_online=True, seed=seed)
        if result["verdict"] != "valid":
            break
    assert result["verdict"] == "invalid", result["reason"]
    assert result["linearizability"]["verdict"] == "invalid"


@needs("etcd")
def test_etcd_is_valid_and_its_serializable_reads_are_not(tmp_path: Path) -> None:
    valid("examples.etcd:Etcd", tmp_path, faults=["partition"], time_limit=8)
    flawed = "examples.etcd:EtcdSerializable"
    convicted(flawed, tmp_path, faults=["partition", "pause"], time_limit=20)


@needs("redis-server", "redis")
def test_one_redis_is_valid_and_replicas_that_are_read_from_are_not(tmp_path: Path) -> None:
    valid("examples.redis:Single", tmp_path, nodes=1, faults=[], time_limit=2)
    convicted("examples.redis:Replicated", tmp_path, faults=["partition"], time_limit=10)


@pytest.mark.deep
@needs("redis-server", "redis")
def test_sentinels_lose_what_a_lost_master_had_acknowledged(tmp_path: Path) -> None:
    convicted("examples.redis:Sentinel", tmp_path, faults=["isolate-leader"])


@pytest.mark.deep
@needs("java", "kazoo")
@pytest.mark.skipif(
    not Path("/usr/share/java/zookeeper.jar").exists(), reason="there is no zookeeper here"
)
def test_zookeeper_is_valid_where_it_syncs_and_not_where_it_does_not(tmp_path: Path) -> None:
    valid("examples.zookeeper:Synced", tmp_path, faults=["partition"])
    more = {"faults": ["partition"], "clients_stay": True, "reads": 85}
    convicted("examples.zookeeper:Local", tmp_path, **more)


@pytest.mark.deep
@pytest.mark.docker
@needs("apt-get")
@pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers")
def test_in_docker_an_image_is_made_of_packages(tmp_path: Path) -> None:
    docker = {"environment": "docker", "time_limit": 20}
    faults = ["partition", "kill", "pause"]
    valid("examples.etcd:Etcd", tmp_path, faults=faults, **docker)
    convicted("examples.etcd:EtcdSerializable", tmp_path, faults=["partition", "pause"], **docker)


@needs("gcc")
def test_three_binaries_that_know_nothing_of_each_other_are_convicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    one = {"keys": 1, "operations_per_key": 1_000_000, "faults": [], "time_limit": 1.0}
    valid("registers:Register", tmp_path / "store", nodes=1, **one)
    convicted("registers:Register", tmp_path / "store", **one)
