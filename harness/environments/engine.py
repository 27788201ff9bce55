"""The Docker engine: finding one that answers, and its errors in sentences."""

import contextlib
import os
import socket
from collections.abc import Iterator

import docker
from docker.errors import APIError, DockerException

from harness.errors import EnvironmentFailed


def connect(timeout_s: int = 1) -> docker.DockerClient | None:
    """A client of the engine that the environment names, or None if none answers in that time."""
    if not _listens(timeout_s):
        return None
    try:
        client = docker.from_env(timeout=timeout_s)
    except DockerException:
        return None
    try:
        client.ping()
    except (DockerException, OSError):
        client.close()
        return None
    client.api.timeout = 60
    return client


def _listens(timeout_s: int) -> bool:
    """Whether anyone accepts connections there; the SDK leaks a socket if nobody does."""
    url = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not url.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout_s)
        try:
            probe.connect(url.removeprefix("unix://"))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def engine_errors(what: str, todo: str = "see to the engine") -> Iterator[None]:
    """Turn what the Docker SDK raises into one sentence."""
    try:
        yield
    except (DockerException, OSError) as error:
        raise EnvironmentFailed(
            f"the Docker engine could not {what} ({reason_of(error)}): "
            f"{todo}, or use the environment local"
        ) from error


def reason_of(error: Exception) -> str:
    return str(error.explanation if isinstance(error, APIError) else error)[:300]
