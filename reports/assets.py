"""What every page is made with: templates, scripts and styles, and the policy that shuts them in.

A page is one self-contained file: what it needs stands in it, and it asks nothing of any host.
"""

import hashlib
import json
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any
from zlib import compress

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Templates that escape everything, and stop at a name that is not given."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["embed"] = embed
    return made


def embed(data: Any) -> Markup:
    """JSON that may stand inside a script element: no `<` can end the element or open a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def pack(data: Any) -> str:
    """JSON as a text of a third of its size, which a page's script unpacks: deflate in base64."""
    return b64encode(compress(json.dumps(data, separators=(",", ":")).encode(), 9)).decode()


@cache
def source(name: str) -> str:
    """A style sheet or script, from the folder of templates."""
    return (TEMPLATES / name).read_text("utf-8")


def policy(scripts: list[str]) -> str:
    """The page's content security policy: these scripts by their digests, and nothing from afar."""
    digests = [
        f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    ] or ["'none'"]
    return (
        f"default-src 'none'; script-src {' '.join(digests)}; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
