"""How long tests with random histories go on.

`pytest --hypothesis-profile=deep` draws a million histories where the ordinary tests draw ten
thousand; `LABRYS_DEEP=5` in the environment draws five times as many as they.
"""

import os

from hypothesis import settings

_PROFILE = "100" if settings.get_current_profile_name() == "deep" else "1"

DEEP = int(os.environ.get("LABRYS_DEEP", _PROFILE))
"""Multiplies the number of histories."""
