"""What MkDocs calls while it builds the site: links out of `docs/` become plain text.

Read in the repository, such a link leads to a file; the site has no page for it.
"""

import re
from typing import Any

_OUTWARD = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page's text, with links to files outside the documentation as code."""
    return _OUTWARD.sub(r"`\1`", markdown)
