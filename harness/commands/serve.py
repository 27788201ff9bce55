"""`labrys serve`: the web pages over a store, until Ctrl-C."""

import contextlib
import ipaddress
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.trust import Trust, require_trust
from harness.errors import HarnessError, UsageError


def serve(
    store: Annotated[Path, typer.Option(help="The store to show.")] = Path("store"),
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for any free one.")] = 8765,
    trust: Trust = False,
) -> None:
    """Browse a store: a local web page with its runs, their reports and files."""
    if not store.is_dir():
        raise UsageError(f"there is no store at {store}; name one with --store")
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port cannot be {port}; give a number from 0 to 65535")
    listening = _listen(host, port)
    # The web server takes a while to import, so only this command does.
    import uvicorn

    from reports.browse import Store
    from reports.web import application

    name, port = listening.getsockname()[:2]
    shown = f"[{name}]" if ":" in name else name
    app = application(
        Store(store),
        _names(host, name, port),
        partial(_recheck, trust=trust),
        partial(_compare, store=store),
    )
    print(f"http://{shown}:{port}/ shows {store}; Ctrl-C ends it", flush=True)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    # The server ends cleanly by itself and then raises the signal again, which can be ignored.
    with listening, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run([listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise HarnessError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port"
        ) from error


def _names(host: str, address: str, port: int) -> list[str] | None:
    """Under which names the pages may be asked for; None, for any, where others may come too."""
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return None
    names = {host, address, "localhost", "127.0.0.1", "::1"}
    names = {f"[{name}]" if ":" in name else name for name in names}
    return sorted({f"{name}:{port}" for name in names} | (names if port == 80 else set()))


def _recheck(directory: Path, trust: bool) -> str:
    """Judge the run in a directory again and render its page; why that failed, if it did."""
    from checker.history import MalformedHistory
    from harness.commands.ended import judge_and_render
    from harness.store import RunDirectory

    try:
        require_trust(directory, trust, ask=False)
        judge_and_render(RunDirectory(directory), fresh=False)
    except (HarnessError, UsageError, MalformedHistory, ValueError, OSError) as error:
        return str(error).rstrip(".")
    return ""


def _compare(paths: Sequence[Path], store: Path) -> tuple[str, str]:
    """Put runs of the store side by side: why that failed, or where its page is in the store.

    In a process of its own, since a command prints what it finds.
    """
    line = [sys.executable, "-m", "harness", "compare", *map(str, paths)]
    ended = subprocess.run(
        [*line, "--store", str(store), "--json"], capture_output=True, text=True, check=False
    )
    try:
        page = Path(json.loads(ended.stdout)["paths"]["page"]).resolve()
        return "", page.relative_to(store.resolve()).as_posix()
    except (ValueError, KeyError, TypeError):
        said = ended.stderr.strip().splitlines()
        return (said[-1] if said else "labrys compare said nothing").rstrip("."), ""
