"""Charts of Vega-Lite: their specifications made ready to stand in a page."""

from typing import Any

import altair as alt


def finish(layers: list[alt.Chart], height: int) -> dict[str, Any]:
    """Layers as one specification, as wide as its place."""
    chart = alt.layer(*layers).properties(
        width="container", height=height, background="transparent"
    )
    chart = chart.configure_view(stroke=None)
    spec: dict[str, Any] = chart.to_dict()
    # The page carries no address of any other host, not even that of a schema.
    spec.pop("$schema", None)
    return spec
