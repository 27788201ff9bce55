"""Options for all tests."""

import os
from importlib.metadata import entry_points

import pytest
from hypothesis import settings

from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.lab import namespaces_work
from harness.environments.local import LocalCluster
from harness.environments.namespaces import NamespaceCluster
from harness.environments.tcp_cluster import TcpCluster

# An installed Labrys brings its plugin along; a bare checkout names it here.
pytest_plugins = (
    []
    if any(point.name == "labrys" for point in entry_points(group="pytest11"))
    else ["harness.simulation.plugin"]
)

# How long an example takes says more of the machine than of the code.
settings.register_profile("ordinary", deadline=None)
settings.load_profile("ordinary")
settings.register_profile("deep", max_examples=5_000, deadline=None)


def pytest_report_header() -> str:
    if engine_answers():
        return "containers: a Docker engine answers"
    return "containers: no Docker engine answers, so their tests are skipped; local ones run"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what the scenarios print into their files, to be reviewed as a diff",
    )


@pytest.fixture(
    params=[
        pytest.param("local", marks=pytest.mark.local),
        pytest.param("namespaces", marks=pytest.mark.local),
        pytest.param("docker", marks=pytest.mark.docker),
    ]
)
def environment(request: pytest.FixtureRequest) -> str:
    """Each environment of real processes, where it can be had."""
    name: str = request.param
    if name == "docker" and not engine_answers():
        pytest.skip("no Docker engine answers")
    if name == "namespaces" and not (os.geteuid() == 0 and namespaces_work()):
        pytest.skip("network namespaces cannot be made here")
    return name


@pytest.fixture
def kind(environment: str) -> type[TcpCluster]:
    """The clusters of each environment of real processes."""
    kinds: dict[str, type[TcpCluster]] = {
        "docker": DockerCluster,
        "namespaces": NamespaceCluster,
        "local": LocalCluster,
    }
    return kinds[environment]
