"""The image of a node's container: Python and the systems' code, made where it is lacking.

Python comes from the first of these that serves:
1. a base image that is here already (`python:3.12-slim`, or what LABRYS_BASE_IMAGE names);
2. on a Linux engine of this same host, an image without files, into which each container mounts
   the host's /usr to read: nothing to download, made in a tenth of a second;
3. the base image, pulled.

The code is copied in, and the image's tag is a hash of all that went into it, so that an image is
made once and never is a stale one. A system from elsewhere comes with its top-level package or
module; it must do with the standard library, as a system should.
"""

import hashlib
import importlib.util
import io
import os
import platform
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import BuildError, DockerException, ImageNotFound

from harness.environments.engine import reason_of
from harness.errors import EnvironmentFailed

DEFAULT_BASE = "python:3.12-slim"
REPOSITORY = "labrys-node"
LABEL = "labrys.image"
_FOLDER = "system"
_ENVIRONMENT = {"PYTHONPATH": f"/{_FOLDER}", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Image:
    """An image to make node containers of, and how it came by its Python."""

    tag: str
    base: str
    mounts_usr: bool


def node_image(client: docker.DockerClient, system: str) -> Image:
    """The image for nodes of that system ("module:Class"), made if it is not there yet."""
    files = code_of("systems_under_test")
    top = system.partition(":")[0].partition(".")[0]
    if top != "systems_under_test":
        files.update(code_of(top))
    base = os.environ.get("LABRYS_BASE_IMAGE", DEFAULT_BASE)
    try:
        base_id = client.images.get(base).id
    except ImageNotFound:
        links = _usr_links() if shares_usr(client) else {}
        if links:
            return _usr_image(client, files, links)
        base_id = _pull(client, base)
    return _base_image(client, files, base, str(base_id))


def code_of(top: str) -> dict[str, bytes]:
    """The Python files of a top-level package or module, by path in the image."""
    spec = importlib.util.find_spec(top)
    if spec is None or not (spec.submodule_search_locations or spec.origin):
        raise EnvironmentFailed(f"no module named {top!r}: install it, or correct its name")
    if not spec.submodule_search_locations:
        assert spec.origin is not None
        return {f"{_FOLDER}/{Path(spec.origin).name}": Path(spec.origin).read_bytes()}
    files = {}
    for location in spec.submodule_search_locations:
        for file in sorted(Path(location).rglob("*.py")):
            name = file.relative_to(location).as_posix()
            files[f"{_FOLDER}/{top}/{name}"] = file.read_bytes()
    return files


def shares_usr(client: docker.DockerClient) -> bool:
    """Whether the engine runs on this very host, and the host's own Python is new enough."""
    if platform.system() != "Linux":
        return False
    engine: dict[str, Any] = client.info()
    here = (platform.node(), platform.release())
    if (engine.get("Name"), engine.get("KernelVersion")) != here:
        return False
    probe = "import sys, asyncio, json; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run(["/usr/bin/python3", "-I", "-c", probe], check=False).returncode == 0
    except OSError:
        return False


def _usr_links() -> dict[str, str]:
    """The links from / into /usr of this host; none if its programs live outside of /usr."""
    links = {}
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        if Path("/", name).is_symlink():
            links[name] = str(Path("/", name).readlink())
    return links if "lib" in links else {}


def _usr_image(
    client: docker.DockerClient, files: dict[str, bytes], links: dict[str, str]
) -> Image:
    tag = _tag(files, repr(sorted(links.items())))
    if not exists(client, tag):
        folders = ("data", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr")
        changes = [f"LABEL {LABEL}=1", *(f"ENV {k}={v}" for k, v in _ENVIRONMENT.items())]
        repository, _, version = tag.partition(":")
        try:
            client.api.import_image_from_data(
                _archive(files, folders, links), repository, version, changes
            )
        except DockerException as error:
            raise _cannot_make(error) from error
        _forget_old_images(client)
    return Image(tag, "the host's /usr", mounts_usr=True)


def _base_image(
    client: docker.DockerClient, files: dict[str, bytes], base: str, base_id: str
) -> Image:
    tag = _tag(files, base_id)
    if not exists(client, tag):
        lines = [f"FROM {base}", f"LABEL {LABEL}=1", f"COPY {_FOLDER} /{_FOLDER}"]
        lines += [f"ENV {name}={value}" for name, value in _ENVIRONMENT.items()]
        context = {**files, "Dockerfile": "\n".join(lines).encode()}
        try:
            client.images.build(
                fileobj=io.BytesIO(_archive(context)), custom_context=True, tag=tag, forcerm=True
            )
        except (DockerException, BuildError) as error:
            raise _cannot_make(error) from error
        _forget_old_images(client)
    return Image(tag, base, mounts_usr=False)


def present_image(client: docker.DockerClient, name: str) -> str:
    """That image's name, once it is here: pulled if need be."""
    if not exists(client, name):
        try:
            client.images.pull(name)
        except DockerException as error:
            raise EnvironmentFailed(
                f"there is no image {name} here, and it cannot be pulled ({reason_of(error)}): "
                "load it, or correct its name"
            ) from error
    return name


def _pull(client: docker.DockerClient, base: str) -> str:
    try:
        return str(client.images.pull(base).id)
    except DockerException as error:
        raise EnvironmentFailed(
            f"there is no image to make nodes of: {base} is not here and cannot be pulled "
            f"({reason_of(error)}), and /usr/bin/python3 of this host cannot be lent to "
            "containers; load an image with Python 3.11 or later and name it in LABRYS_BASE_IMAGE, "
            "or use the environment local"
        ) from error


def exists(client: docker.DockerClient, tag: str) -> bool:
    """Whether the engine has an image of that name."""
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def _tag(files: dict[str, bytes], base: str) -> str:
    content = hashlib.sha256(f"{base}\n{_ENVIRONMENT}".encode())
    for name in sorted(files):
        content.update(f"\n{name} {len(files[name])}\n".encode() + files[name])
    return f"{REPOSITORY}:{content.hexdigest()[:16]}"


def _archive(
    files: dict[str, bytes], folders: tuple[str, ...] = (), links: dict[str, str] | None = None
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in folders:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _forget_old_images(client: docker.DockerClient) -> None:
    """Remove earlier images of ours that are a day old and that no container uses."""
    client.images.prune(filters={"dangling": False, "label": LABEL, "until": "24h"})


def _cannot_make(error: Exception) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"cannot make the nodes' image ({reason_of(error)}): see to the engine, "
        "name another base in LABRYS_BASE_IMAGE, or use the environment local"
    )
