"""Labels of drawings: whether any two of them overlap, by their boxes in the browser."""

from typing import Any

BOXES = """selector => [...document.querySelectorAll(selector)]
    .filter(one => one.textContent.trim() && one.checkVisibility())
    .map(one => { const box = one.getBoundingClientRect();
                  return [one.textContent, box.left, box.top, box.right, box.bottom]; })"""

SLACK = 1.5
"""Boxes of texts hold room for accents and descents; so much of it may be shared, in pixels."""


def overlapping(page: Any, selector: str) -> list[tuple[str, str]]:
    """The pairs of labels that overlap; fails where there are none to compare."""
    boxes = page.evaluate(BOXES, selector)
    assert len(boxes) > 3
    return [
        (one[0], other[0])
        for number, one in enumerate(boxes)
        for other in boxes[:number]
        if one[1] + SLACK < other[3] and other[1] + SLACK < one[3]
        and one[2] + SLACK < other[4] and other[2] + SLACK < one[4]
    ]  # fmt: skip
