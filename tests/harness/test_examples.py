"""Real stores under test: what is sound is valid, and what is known to be flawed is found."""

import shutil
from pathlib import Path

import pytest

from harness.environments.docker import engine_answers
from harness.environments.lab import namespaces_work
from tests.harness.registers import made
from tests.processes import labrys

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(not namespaces_work(), reason="network namespaces cannot be made here"),
]


def needs(program: str, package: str) -> pytest.MarkDecorator:
    missing = shutil.which(program) is None
    return pytest.mark.skipif(missing, reason=f"there is no {program} here: install {package}")


def run(folder: Path, line: str, environment: str = "namespaces") -> str:
    """Carry out a run that must be valid, and return what it says."""
    done = labrys(f"run {line} --environment {environment}", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def convicted(folder: Path, line: str, environment: str = "namespaces") -> str:
    """What is said of a run that is convicted, at the latest the third."""
    for seed in (1, 2, 3):
        words = f"run {line} --environment {environment} --check-online --seed {seed}"
        done = labrys(words, folder)
        if done.returncode != 0:
            break
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@needs("etcd", "etcd-server")
def test_etcd_is_valid_and_its_serializable_reads_are_not(tmp_path: Path) -> None:
    sound = "examples.etcd:Etcd --nodes 3 --faults partition,kill --time-limit 5 --seed 5"
    run(tmp_path, sound)
    flawed = "examples.etcd:EtcdSerializable --nodes 3 --faults partition,pause --time-limit 20"
    assert "stale read" in convicted(tmp_path, flawed)


@needs("redis-server", "redis-server")
def test_one_redis_is_valid_and_replicas_that_are_read_from_are_not(tmp_path: Path) -> None:
    run(tmp_path, "examples.redis:Single --nodes 1 --faults kill --time-limit 3 --seed 1")
    flawed = "examples.redis:Replicated --nodes 3 --faults partition --time-limit 10"
    assert "stale read" in convicted(tmp_path, flawed)


@pytest.mark.deep
@needs("redis-server", "redis-server")
def test_sentinels_lose_what_a_lost_master_had_acknowledged(tmp_path: Path) -> None:
    flawed = "examples.redis:Sentinel --nodes 3 --faults isolate-leader --time-limit 30"
    convicted(tmp_path, f"{flawed} --fault-interval 10")


@pytest.mark.deep
@pytest.mark.skipif(
    not Path("/usr/share/java/zookeeper.jar").exists(), reason="there is no zookeeper here"
)
def test_zookeeper_is_valid_where_it_syncs_and_not_where_it_does_not(tmp_path: Path) -> None:
    run(tmp_path, "examples.zookeeper:Synced --nodes 3 --faults partition --seed 1")
    flawed = "examples.zookeeper:Local --nodes 3 --faults partition --clients-stay --reads 85"
    assert "stale read" in convicted(tmp_path, flawed)


@pytest.mark.deep
@pytest.mark.docker
@pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers")
def test_in_docker_an_image_is_made_of_packages(tmp_path: Path) -> None:
    sound = "examples.etcd:Etcd --nodes 3 --faults partition,kill,pause --time-limit 15 --seed 5"
    run(tmp_path, sound, "docker")
    flawed = "examples.etcd:EtcdSerializable --nodes 3 --faults partition,pause --time-limit 20"
    assert "stale read" in convicted(tmp_path, flawed, "docker")


KEEPS_ONE = "--keys 1 --operations-per-key 1000000 --faults none --time-limit 2 "


@needs("gcc", "gcc and libc6-dev")
def test_three_binaries_that_know_nothing_of_each_other_are_convicted(tmp_path: Path) -> None:
    register = made(tmp_path)
    run(register, f"registers:Register --nodes 1 {KEEPS_ONE}")
    assert "no order explains" in convicted(register, f"registers:Register --nodes 3 {KEEPS_ONE}")
