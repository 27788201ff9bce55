"""The web pages over a store: a list of its runs, their files, and two things to do with them.

Built on Starlette. It trusts nobody: a path outside the store is never opened; a request must name
the host that the server is bound to, which keeps other sites from reaching it under a name of their
own (DNS rebinding); what changes anything needs the token that stands in the forms, and comes from
this origin. What lies in the store is served so that it cannot act here: pages in a sandbox without
this origin, everything else as text or as something to save.
"""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from reports.assets import environment, source
from reports.browse import COLUMNS, VERDICTS, Row, RowQuery, Store, names, select

PAGE = 50
"""Rows on a page."""

BODY_MAX = 16_384
COMPARED_MAX = 20
GLYPHS = {"valid": "✔", "invalid": "✘", "unknown": "?", "running": "…"}
TEXTS = {".jsonl", ".json", ".toml", ".log", ".txt", ".xml", ".md"}
IMAGES = {".png": "image/png", ".svg": "image/svg+xml"}

# Under "no-referrer" a browser sends forms of our own pages with the origin "null".
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OWN_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
STORED_POLICY = "sandbox allow-scripts allow-popups allow-downloads; frame-ancestors 'none'"
"""For what lies in the store. A report's own policy, which stands in it, holds as well."""


def application(
    store: Store,
    hosts: Sequence[str] | None,
    recheck: Callable[[Path], str],
    compare: Callable[[Sequence[Path]], tuple[str, str]],
) -> Starlette:
    """The application. `hosts` are the names it may be asked under, None for any; `recheck` judges
    the run in a directory again, renders its page, and returns what went wrong, or nothing;
    `compare` puts runs side by side, and returns what went wrong and where the page is."""
    site = _Site(store, recheck, compare)
    routes = [
        Route("/", site.index),
        Route("/style.css", site.style),
        Route("/files/{path:path}", site.file),
        Route("/recheck", site.recheck, methods=["POST"]),
        Route("/delete", site.delete, methods=["POST"]),
        Route("/compare", site.compare, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: site.refused})
    app.add_middleware(_Guard, hosts=hosts)
    return app


class _Guard:
    """Refuses requests under a foreign name, and sets the headers of every answer."""

    def __init__(self, app: Any, hosts: Sequence[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                found = {name.lower() for name, _ in message["headers"]}
                message["headers"] += [
                    (name.lower().encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.lower().encode() not in found
                ]
            await send(message)

        named = [value for name, value in scope["headers"] if name == b"host"]
        host = named[0].decode("latin-1").lower() if len(named) == 1 else ""
        if self._hosts is not None and host not in self._hosts:
            answer = Response("This server has another name: use the address that it printed.", 421)
            await answer(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


class _Site:
    """The handlers."""

    def __init__(
        self,
        store: Store,
        recheck: Callable[[Path], str],
        compare: Callable[[Sequence[Path]], tuple[str, str]],
    ) -> None:
        self._store = store
        self._recheck = recheck
        self._compare = compare
        self._token = secrets.token_urlsafe(32)
        self._template = environment().get_template("store.html.j2")
        self._style = source("page.css") + source("store.css")

    async def index(self, request: Request) -> Response:
        """The list of runs."""
        query = RowQuery.of(request.query_params)
        rows = await run_in_threadpool(self._store.rows)
        wanted = select(rows, query)
        pages = max(1, -(-len(wanted) // PAGE))
        page = min(_whole(request.query_params.get("page", "1")), pages)
        context = {
            "rows": wanted[(page - 1) * PAGE : page * PAGE],
            "found": len(wanted),
            "page": page,
            "pages": pages,
            "choices": _choices(rows),
            "sorts": {name: _link(query, name) for name in COLUMNS},
            "turned": {number: _address(query, number) for number in (page - 1, page + 1)},
            "named": names(rows),
            "beside": await run_in_threadpool(self._store.pages),
            **self._common(query),
        }
        return self._page(context)

    async def style(self, request: Request) -> Response:
        return Response(self._style, media_type="text/css")

    async def file(self, request: Request) -> Response:
        """A file of the store, or the list of a directory's files."""
        path = request.path_params["path"]
        found = await run_in_threadpool(self._store.inside, path)
        if found is None:
            raise HTTPException(404, "There is nothing at this address.")
        if found.is_dir():
            if not path.endswith("/"):
                return RedirectResponse("/files/" + quote(path) + "/", 307)
            listed = sorted(entry.name + "/" * entry.is_dir() for entry in found.iterdir())
            return self._page({"folder": path, "names": listed, **self._common(RowQuery())})
        if not found.is_file():
            raise HTTPException(404, "There is nothing at this address.")
        headers = {"Content-Security-Policy": STORED_POLICY}
        suffix = found.suffix.lower()
        if suffix == ".html":
            return FileResponse(found, media_type="text/html", headers=headers)
        if suffix in TEXTS:
            return FileResponse(found, media_type="text/plain; charset=utf-8", headers=headers)
        if suffix in IMAGES:
            return FileResponse(found, media_type=IMAGES[suffix], headers=headers)
        headers["Content-Disposition"] = "attachment"
        return FileResponse(found, media_type="application/octet-stream", headers=headers)

    async def recheck(self, request: Request) -> Response:
        """Judge a run again and show its page."""
        row, folder, _ = await self._named(request)
        if row.verdict == "running":
            raise HTTPException(409, "This run goes on: wait until it has ended.")
        problem = await run_in_threadpool(self._recheck, folder)
        self._store.forget()
        if problem:
            raise HTTPException(422, f"This run could not be judged: {problem}.")
        return RedirectResponse("/files/" + quote(f"{row.path}/report.html"), 303)

    async def compare(self, request: Request) -> Response:
        """Put the runs that were ticked side by side, and show the page."""
        form = await self._form(request)
        paths = list(dict.fromkeys(form.get("run", [])))
        if not 2 <= len(paths) <= COMPARED_MAX:
            raise HTTPException(422, f"Tick two runs to compare, or up to {COMPARED_MAX}.")
        folders = [self._folder(path)[1] for path in paths]
        problem, path = await run_in_threadpool(self._compare, folders)
        if problem:
            raise HTTPException(422, f"These runs could not be compared: {problem}.")
        return RedirectResponse("/files/" + quote(path), 303)

    async def delete(self, request: Request) -> Response:
        """Ask whether a run should go for ever, and remove it once that was said."""
        row, folder, form = await self._named(request)
        if row.verdict == "running":
            raise HTTPException(409, "This run goes on: wait until it has ended.")
        if form.get("sure") != "yes":
            return self._page({"doomed": row, **self._common(RowQuery())})
        await run_in_threadpool(shutil.rmtree, folder, True)
        self._store.forget()
        return RedirectResponse("/", 303)

    async def refused(self, request: Request, error: Exception) -> Response:
        """The page of an error, with its sentence."""
        assert isinstance(error, HTTPException)
        context = {"problem": error.detail, **self._common(RowQuery())}
        return self._page(context, error.status_code)

    async def _named(self, request: Request) -> tuple[Row, Path, dict[str, str]]:
        """The run that a form names, its directory, and the form."""
        form = {name: values[-1] for name, values in (await self._form(request)).items()}
        row, folder = await run_in_threadpool(self._folder, form.get("run", ""))
        return row, folder, form

    def _folder(self, path: str) -> tuple[Row, Path]:
        row = self._store.find(path)
        folder = None if row is None else self._store.inside(row.path)
        if row is None or folder is None:
            raise HTTPException(404, "There is no such run any more.")
        return row, folder

    async def _form(self, request: Request) -> dict[str, list[str]]:
        """What a form says; refuses what is not ours."""
        origin = request.headers.get("origin")
        if origin is not None and origin != f"{request.url.scheme}://{request.headers['host']}":
            raise HTTPException(403, "This form came from another site.")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_MAX:
                raise HTTPException(413, "This form is too long.")
        form = parse_qs(body.decode("latin-1"))
        given = form.get("token", [""])[-1].encode()
        if not secrets.compare_digest(given, self._token.encode()):
            raise HTTPException(403, "This form is out of date: go back to the list.")
        return form

    def _common(self, query: RowQuery) -> dict[str, Any]:
        return {
            "query": query,
            "token": self._token,
            "root": str(self._store.root),
            "glyphs": GLYPHS,
            # A name that is no UTF-8 has no address, but must not keep the others from the list.
            "address": lambda path: "/files/" + quote(path, errors="replace"),
        }

    def _page(self, context: dict[str, Any], status: int = 200) -> Response:
        headers = {"Content-Security-Policy": OWN_POLICY}
        # A lone surrogate, which JSON and names of files may hold, has no form in UTF-8.
        page = self._template.render(context).encode("utf-8", "replace")
        return HTMLResponse(page, status, headers)


def _choices(rows: Sequence[Row]) -> dict[str, list[str]]:
    """What there is to choose from."""
    present = {row.verdict for row in rows}
    return {
        "system": sorted({row.system for row in rows} - {""}),
        "verdict": [verdict for verdict in VERDICTS if verdict in present],
        "environment": sorted({row.environment for row in rows} - {""}),
        "fault": sorted({fault for row in rows for fault in row.faults}),
    }


def _link(query: RowQuery, column: str) -> str:
    """Where a click on a column's head leads: sorted by it, or the other way round."""
    turned = not query.descending if query.sort == column else column in ("began", "operations")
    return _address(replace(query, sort=column, descending=turned), 1)


def _address(query: RowQuery, page: int) -> str:
    values = {name: value for name, value in asdict(query).items() if isinstance(value, str)}
    values["order"] = "down" if query.descending else "up"
    values["page"] = str(page)
    return "/?" + urlencode({name: value for name, value in values.items() if value})


def _whole(text: str) -> int:
    """A page's number; the first for what is none."""
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
