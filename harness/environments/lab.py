"""Network namespaces: one for the harness, one a node, and a bridge between them.

The harness's main thread leaves the host's network for a namespace of its own, where the bridge and
the rules are, so that nothing of the host is touched; `close` brings it back. Nothing has a name on
the host: namespaces are held by open files alone, and go when the harness does, however it ends.

That takes root, or a user namespace in which one is root (`enter_user_namespace`).
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from harness.database import Address
from harness.environments.tools import tool
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

T = TypeVar("T")

PROBE_S = 0.3
"""How long an attempt to connect over a link may take until the link counts as cut."""

NET_PREFIX = "10.77.0"
_FIRST_HOST = 11
_CLONE_NEWNET = 0x40000000
_ENTERED = "LABRYS_USER_NAMESPACE"
_TOOLS = ("ip", "nft", "nsenter", "unshare")


def namespaces_work() -> bool:
    """Whether network namespaces can be made here: by root, or in a user namespace."""
    if sys.platform != "linux" or not all(map(tool, _TOOLS)):
        return False
    flags = ["--net"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--net"]
    words = [tool("unshare"), *flags, tool("ip"), "link", "set", "lo", "up"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def enter_user_namespace() -> None:
    """Begin this very command again as the root of a user namespace, unless we are root already.

    Only a process with a single thread can enter one, so this must be a new process.
    """
    if os.geteuid() == 0 or os.environ.get(_ENTERED):
        return
    words = [tool("unshare"), "--user", "--map-root-user", "--", *sys.orig_argv]
    os.execve(words[0], words, {**os.environ, _ENTERED: "1"})


class Lab:
    """The namespaces of one run. Use it in the main thread, where its sockets are."""

    def __init__(self, nodes: Iterable[NodeId]) -> None:
        self.hosts = {node: f"{NET_PREFIX}.{_FIRST_HOST + i}" for i, node in enumerate(nodes)}
        self._home: int | None = None
        self._files: dict[NodeId, int] = {}

    def open(self) -> None:
        if missing := [name for name in _TOOLS if not tool(name)]:
            raise EnvironmentFailed(
                f"the environment namespaces needs {', '.join(missing)}: install iproute2, "
                "nftables and util-linux, or use the environment local"
            )
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _unshare_network()
        bridge = ["link set lo up", "link add labrys type bridge"]
        bridge += [f"addr add {NET_PREFIX}.1/24 dev labrys", "link set labrys up"]
        _run([tool("ip"), "-batch", "-"], bridge)
        for number, (node, host) in enumerate(self.hosts.items()):
            file = self._files[node] = _in_new_thread(_new_network)
            veth = f"link add veth{number} type veth peer name eth0 netns /proc/self/fd/{file}"
            bridged = f"link set veth{number} master labrys up"
            _run([tool("ip"), "-batch", "-"], [veth, bridged], file)
            inner = ["link set lo up", f"addr add {host}/24 dev eth0", "link set eth0 up"]
            _run([*self.inside(node), tool("ip"), "-batch", "-"], inner, file)

    def close(self) -> None:
        """Leave everything; the kernel removes what nobody holds any more."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()
        if self._home is not None:
            # The root of a user namespace may not go back, and need not: this process is its own.
            with contextlib.suppress(EnvironmentFailed):
                _enter_network(self._home)
            os.close(self._home)
            self._home = None

    def inside(self, node: NodeId) -> list[str]:
        """The words before a command that is to run in the node's network."""
        return [tool("nsenter"), f"--net=/proc/self/fd/{self._files[node]}", "--"]

    def run(self, node: NodeId, name: str, lines: str) -> None:
        """Run a program in the node's network, with these lines to read."""
        _run([*self.inside(node), tool(name) or name], lines.splitlines(), self._files[node])

    def file(self, node: NodeId) -> int:
        """What holds the node's namespace; the processes made with `inside` must inherit it."""
        return self._files[node]

    def as_if_in(self, node: NodeId, action: Callable[[], T]) -> T:
        """Do something in the node's network, in a thread of its own."""

        return in_network(self._files[node], action)


def connects_from(network: Path, address: Address) -> bool | None:
    """Whether a connection to that address can be made in a network, which is named by a file of
    the kernel's; None where we may not enter it. Being refused by the node is an answer as well."""
    try:
        with network.open() as file:
            return in_network(file.fileno(), lambda: answers(address))
    except (OSError, EnvironmentFailed):
        return None


def answers(address: Address) -> bool:
    """Whether anybody answers an attempt to connect, if only by refusing it."""
    try:
        socket.create_connection(address, PROBE_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def in_network(file: int, action: Callable[[], T]) -> T:
    """Do something in that network, in a thread of its own."""

    def act() -> T:
        _enter_network(file)
        return action()

    return _in_new_thread(act)


def _new_network() -> int:
    """A new network namespace, held by an open file. Run it in a thread that ends."""
    _unshare_network()
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _unshare_network() -> None:
    _call("unshare", _CLONE_NEWNET)


def _enter_network(file: int) -> None:
    _call("setns", file, _CLONE_NEWNET)


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        why = os.strerror(ctypes.get_errno())
        raise EnvironmentFailed(
            f"network namespaces cannot be made here ({name}: {why}): be root, or allow user "
            "namespaces (sysctl kernel.unprivileged_userns_clone=1 or user.max_user_namespaces, "
            "and AppArmor's kernel.apparmor_restrict_unprivileged_userns=0), or use the "
            "environment docker or local"
        )


def _in_new_thread(action: Callable[[], T]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def act() -> None:
        try:
            results.append(action())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _run(words: list[str], lines: Iterable[str], file: int | None = None) -> None:
    """Run a command on these lines, which inherits the file."""
    done = subprocess.run(
        words,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        pass_fds=() if file is None else (file,),
        check=False,
    )
    if done.returncode != 0:
        raise EnvironmentFailed(
            f"the network between the nodes could not be made ({done.stderr.strip()[:200]}): "
            "use the environment docker or local"
        )
