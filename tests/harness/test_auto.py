"""What the environment "auto" stands for: by what is here, and by what the system can be run in."""

import pytest

from harness import conduct
from harness.commands.compare import _plan
from harness.config import RunConfig
from harness.database import Database
from harness.environments import docker

HERE = "tests.harness.test_auto"


class Bare(Database):
    """A program of this host: nothing says what a container of it would be made of."""

    ports = (1,)


class OfAnImage(Bare):
    image = "store:1"


class OfPackages(Bare):
    packages = ("store",)


class OfCompose(Bare):
    compose = "docker-compose.yml"


@pytest.mark.parametrize(
    ("system", "engine", "apt", "namespaces", "settled"),
    [
        ("raft", True, False, True, "docker"),
        ("raft", False, True, True, "namespaces"),
        ("raft", False, True, False, "local"),
        (f"{HERE}:Bare", True, True, True, "namespaces"),
        (f"{HERE}:Bare", True, True, False, "local"),
        (f"{HERE}:OfAnImage", True, False, True, "docker"),
        (f"{HERE}:OfCompose", True, False, True, "docker"),
        (f"{HERE}:OfPackages", True, True, True, "docker"),
        (f"{HERE}:OfPackages", True, False, True, "namespaces"),
        (f"{HERE}:OfPackages", False, True, True, "namespaces"),
    ],
)
def test_docker_comes_first_then_namespaces_then_local(
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    engine: bool,
    apt: bool,
    namespaces: bool,
    settled: str,
) -> None:
    monkeypatch.setattr(conduct, "engine_answers", lambda: engine)
    monkeypatch.setattr(conduct, "namespaces_work", lambda: namespaces)
    monkeypatch.setattr(docker, "can_assemble", lambda: apt)
    assert conduct.settle(RunConfig(system=system, nodes=3)).environment == settled


@pytest.mark.parametrize(
    ("systems", "settled"),
    [
        (["raft", f"{HERE}:OfAnImage"], "docker"),
        (["raft", f"{HERE}:Bare"], "namespaces"),
        ([f"{HERE}:Bare", "raft"], "namespaces"),
    ],
)
def test_a_comparison_runs_where_all_its_systems_can(
    monkeypatch: pytest.MonkeyPatch, systems: list[str], settled: str
) -> None:
    monkeypatch.setattr(conduct, "engine_answers", lambda: True)
    monkeypatch.setattr(conduct, "namespaces_work", lambda: True)
    runs = _plan(systems, {"seed": 1, "environment": "auto"}, 1)
    assert [run.config.environment for run in runs] == [settled, settled]
