"""Packages are put together as one system that an engine takes."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness.environments.packages import assemble

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="there is no dpkg-deb here")


def package(folder: Path, name: str, files: dict[str, str]) -> Path:
    root = folder / name
    for place, text in files.items():
        file = root / place
        file.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            file.symlink_to(text.removeprefix("-> "))
        else:
            file.write_text(text)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.test>\n"
        "Description: for a test\n"
    )
    made = folder / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--build", str(root), str(made)], check=True, capture_output=True)
    return made


def test_files_come_together_below_usr_and_no_path_comes_twice(tmp_path: Path) -> None:
    store = {"usr/bin/store": "program", "lib/libstore.so": "library", "etc/store.conf": "x"}
    tool = {"bin/tool": "-> ../usr/bin/store", "usr/share/doc/tool/README": "words"}
    archive = tmp_path / "image.tar"
    with tarfile.open(archive, "w") as out:
        both = {**tool, "etc/store.conf": "another"}
        assemble([package(tmp_path, "store", store), package(tmp_path, "tool", both)], out)
    with tarfile.open(archive) as tar:
        found = tar.getnames()
        assert len(found) == len(set(found))
        assert {"usr/bin/store", "usr/lib/libstore.so", "usr/bin/tool"} <= set(found)
        assert not any("share/doc/" in name or name.startswith("lib/") for name in found)
        assert tar.getmember("lib").linkname == "usr/lib"
        assert tar.getmember("usr/bin/tool").linkname == "../usr/bin/store"
        conf = tar.extractfile("etc/store.conf")
        assert conf is not None
        assert conf.read() == b"x"
        assert tar.getmember("tmp").mode == 0o1777
