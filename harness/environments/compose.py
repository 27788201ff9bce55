"""Services of a docker-compose file, as programs that the environment docker runs.

Only what is in `_TAKEN` is carried out, and what is in `_PASSED_OVER` does not matter to a run: the
network is ours, all nodes start at once, and clients reach them by address. Everything else is
refused by name, since a service that runs differently from what its file says is not what one
wanted to test. Volumes are made for the run, empty, one for each node.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.environments.containers import Program
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

_TAKEN = (
    *("image", "command", "entrypoint", "environment", "volumes", "user", "working_dir"),
    *("hostname", "networks", "depends_on"),
)
_PASSED_OVER = (
    *("container_name", "ports", "expose", "restart", "healthcheck", "labels", "logging"),
    *("stop_grace_period", "stop_signal", "pull_policy", "platform"),
)
_TOP = ("version", "name", "services", "volumes", "networks")


def read_services(path: Path, services: Sequence[str], nodes: Sequence[NodeId]) -> list[Program]:
    """What each node runs: the service of its place in `services`, or the only one there is.

    Raises `EnvironmentFailed` for a file that cannot be read and for all that is not supported.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EnvironmentFailed(f"cannot read {path}: {error.strerror}; check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EnvironmentFailed(f"{path} is not YAML: {error}; correct the file") from error
    return _Compose(path, document).programs(services, nodes)


class _Compose:
    """One file."""

    def __init__(self, path: Path, document: Any) -> None:
        self._path = path
        found = document.get("services") if isinstance(document, dict) else None
        if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            raise self._wrong("has no services", "name a docker-compose file")
        self._services: dict[str, dict[str, Any]] = found
        for kind in ("volumes", "networks"):
            for name, options in (document.get(kind) or {}).items():
                if options and (refused := sorted(set(options) - {"driver", "name", "labels"})):
                    raise self._refused(f"{refused[0]!r} of the {kind[:-1]} {name}")
                if options and options.get("driver") not in (None, "local", "bridge"):
                    raise self._refused(f"the driver {options['driver']!r} of {name}")
        for name in document:
            if name not in _TOP and not str(name).startswith("x-"):
                raise self._refused(f"{name!r} at its top")

    def programs(self, services: Sequence[str], nodes: Sequence[NodeId]) -> list[Program]:
        if not services and len(self._services) in (1, len(nodes)):
            services = list(self._services)
        if len(services) == 1:
            services = [services[0]] * len(nodes)
        if len(services) != len(nodes):
            raise self._wrong(
                f"has the services {', '.join(self._services)}, of which {len(services)} are "
                f"named, and there are {len(nodes)} nodes",
                "name one service, or one for each node",
            )
        return [self._program(name, services) for name in services]

    def _program(self, name: str, chosen: Sequence[str]) -> Program:
        service = self._services.get(name)
        if service is None:
            raise self._wrong(f"has no service {name}", f"it has {', '.join(self._services)}")
        for key in service:
            if key not in (*_TAKEN, *_PASSED_OVER):
                raise self._refused(f"{key!r} of the service {name}")
        if not isinstance(service.get("image"), str):
            raise self._wrong(f"gives the service {name} no image", "build it, and name it there")
        for other in service.get("depends_on") or ():
            if other not in chosen:
                raise self._refused(f"that {name} depends on {other}, which is not a node")
        entrypoint = service.get("entrypoint")
        aliases = [name] if chosen.count(name) == 1 else []
        aliases += [service["hostname"]] if service.get("hostname") else []
        networks = service.get("networks")
        for network in networks.values() if isinstance(networks, dict) else ():
            if refused := sorted(set(network or {}) - {"aliases", "ipv4_address"}):
                raise self._refused(f"{refused[0]!r} of a network of the service {name}")
            if network and "ipv4_address" in network:
                raise self._refused(f"an address of its own for the service {name}")
            aliases += (network or {}).get("aliases") or []
        return Program(
            image=self._text(service["image"]),
            command=self._words(service.get("command")),
            entrypoint=None if entrypoint is None else self._words(entrypoint),
            environment=self._environment(name, service.get("environment")),
            volumes=self._volumes(name, service.get("volumes") or ()),
            user=service.get("user") and self._text(service["user"]),
            folder=service.get("working_dir"),
            hostname=service.get("hostname"),
            aliases=aliases,
            trusted=True,
        )

    def _environment(self, name: str, given: Any) -> Mapping[str, str]:
        if isinstance(given, list):
            given = dict(str(line).partition("=")[::2] for line in given)
        found = {}
        for variable, value in (given or {}).items():
            if value is None:
                raise self._refused(f"the variable {variable} of the service {name}, without value")
            text = str(value).lower() if isinstance(value, bool) else value
            found[str(variable)] = self._text(text)
        return found

    def _volumes(self, name: str, given: Sequence[Any]) -> Mapping[str, str]:
        """The named volumes, and those without a name, each with its place in the container."""
        found: dict[str, str] = {}
        for number, volume in enumerate(given):
            if isinstance(volume, dict):
                kind, source = volume.get("type"), volume.get("source", f"unnamed{number}")
                place = str(volume.get("target"))
            else:
                source, _, place = str(volume).rpartition(":")
                if place in ("ro", "rw", "z", "Z"):
                    raise self._refused(f"the mode {place!r} of a volume of the service {name}")
                kind = "bind" if source[:1] in ("/", ".", "~") else "volume"
                source = source or f"unnamed{number}"
            if kind != "volume":
                raise self._refused(f"{source!r}, which is no volume, in the service {name}")
            found[self._text(source)] = self._text(place)
        return found

    def _words(self, given: Any) -> list[str]:
        if isinstance(given, list):
            return [self._text(word) for word in given]
        return shlex.split(self._text(given)) if given else []

    def _text(self, given: Any) -> str:
        """A text without variables: what they stood for would depend on the shell of the day."""
        text = str(given)
        if "$" in text.replace("$$", ""):
            raise self._refused(f"the variable in {text!r}")
        return text.replace("$$", "$")

    def _refused(self, what: str) -> EnvironmentFailed:
        return self._wrong(f"asks for {what}, which is not supported", "leave it out")

    def _wrong(self, what: str, todo: str) -> EnvironmentFailed:
        return EnvironmentFailed(f"{self._path} {what}; {todo}")
