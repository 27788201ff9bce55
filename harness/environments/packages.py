"""An image made of Debian packages: what apt would install into an empty system, and no registry.

The packages' files are put together in one archive, which the engine imports. No script of a
package runs: there are no users and no alternatives, and programs run as root without its rights.
The tag is a hash of all packages with their versions, so that an image is made once.
"""

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import docker
from docker.errors import DockerException

from harness.environments.engine import reason_of
from harness.environments.image import LABEL, exists
from harness.errors import EnvironmentFailed

REPOSITORY = "labrys-packages"
_TOOLS = ("apt-get", "dpkg-deb")
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64")
"""Folders of / that are links into /usr."""

_FOLDERS = ("data", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var")
_UNUSED = re.compile(r"usr/share/(doc|man|locale|info|lintian|bug)/")
_LIMIT_S = 300.0


def can_assemble() -> bool:
    """Whether the programs are here that images are made of packages with."""
    return all(map(shutil.which, _TOOLS))


def package_image(client: docker.DockerClient, packages: Sequence[str]) -> str:
    """The tag of an image with these packages and all that they need, made if it is not there."""
    if not can_assemble():
        raise EnvironmentFailed(
            f"no image can be made of Debian packages here ({' and '.join(_TOOLS)} are missing): "
            "name an image instead, or use the environment namespaces"
        )
    with tempfile.TemporaryDirectory(prefix="labrys-packages-") as name:
        folder = Path(name)
        files = sorted(_planned(folder, packages))
        tag = f"{REPOSITORY}:{hashlib.sha256(' '.join(files).encode()).hexdigest()[:16]}"
        if exists(client, tag):
            return tag
        _apt(folder, packages, "--download-only")
        archive = folder / "image.tar"
        with tarfile.open(archive, "w") as out:
            assemble(sorted(folder.glob("*.deb")), out)
        repository, _, version = tag.partition(":")
        try:
            client.api.import_image_from_file(
                str(archive), repository, version, [f"LABEL {LABEL}=1", f"ENV PATH={_PATH}"]
            )
        except DockerException as error:
            raise EnvironmentFailed(
                f"the engine cannot import the image of {', '.join(packages)} "
                f"({reason_of(error)}): see to the engine, or use the environment namespaces"
            ) from error
    return tag


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"


def assemble(packages: Iterable[Path], out: tarfile.TarFile) -> None:
    """Write the files of these .deb files as one system, without manuals and translations."""
    for name in (*_FOLDERS, *(f"usr/{name}" for name in _MERGED)):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        out.addfile(entry)
    for name in _MERGED:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
        out.addfile(entry)
    written = set(out.getnames())  # An engine takes no path twice.
    for package in packages:
        done = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            for entry in tar:
                entry.name = _place(entry.name)
                if not entry.name or entry.name in written or _UNUSED.match(entry.name):
                    continue
                if entry.islnk():
                    entry.linkname = _place(entry.linkname)
                written.add(entry.name)
                out.addfile(entry, tar.extractfile(entry) if entry.isreg() else None)


def _place(name: str) -> str:
    """Where a package's file goes: some still go to /bin or /lib, which are links."""
    plain = name.removeprefix(".").strip("/")
    top = plain.partition("/")[0]
    return f"usr/{plain}" if top in _MERGED else plain


def _planned(folder: Path, packages: Sequence[str]) -> list[str]:
    """The names of the .deb files, with versions, of these packages and all that they need."""
    printed = _apt(folder, packages, "--print-uris")
    return re.findall(r"^'[^']+' (\S+\.deb) ", printed, re.MULTILINE)


def _apt(folder: Path, packages: Sequence[str], flag: str) -> str:
    """Ask apt for packages as if nothing were installed; .deb files go to the folder."""
    (folder / "partial").mkdir(exist_ok=True)
    (folder / "status").touch()
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", flag]
    options = {
        "Dir::State::status": folder / "status",
        "Dir::State::extended_states": folder / "extended_states",
        "Dir::Cache::archives": folder,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
    }
    command += [f"-o{name}={value}" for name, value in options.items()]
    try:
        done = subprocess.run(
            [*command, "--", *packages],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentFailed(
            f"apt-get took longer than {_LIMIT_S:g} s to fetch {', '.join(packages)}: see whether "
            "its mirror answers, or use the environment namespaces"
        ) from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or [""]
        raise EnvironmentFailed(
            f"apt-get cannot fetch {', '.join(packages)} ({lines[0].removeprefix('E: ')}): correct "
            "the names, run apt-get update, or use the environment namespaces"
        )
    return done.stdout
