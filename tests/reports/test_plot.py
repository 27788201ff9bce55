"""Static drawings: ticks, places, bands with names, and nothing that a script would have to do."""

import re

import pytest

from reports.assets import environment
from reports.plot import WIDE, Band, Canvas, Scale
from tests.reports.sample_runs import MARKUP


@pytest.mark.parametrize(
    ("scale", "marks"),
    [
        (Scale(0, 60), [0, 10, 20, 30, 40, 50, 60]),
        (Scale(0, 33.6), [0, 5, 10, 15, 20, 25, 30]),
        (Scale(0.7, 3000, logarithmic=True), [1, 3, 10, 30, 100, 300, 1000, 3000]),
        (Scale(8, 95, logarithmic=True), [10, 20, 50]),
    ],
)
def test_ticks_are_round_and_inside(scale: Scale, marks: list[float]) -> None:
    assert scale.ticks() == pytest.approx(marks)


def test_a_narrow_logarithmic_scale_has_ticks_as_well() -> None:
    scale = Scale(11.2, 13.1, logarithmic=True)
    assert len(scale.ticks()) >= 3
    assert all(11.2 <= mark <= 13.1 for mark in scale.ticks())


def test_values_become_places_and_equal_places_one_mark() -> None:
    canvas = Canvas(Scale(0, 10), Scale(1, 100, logarithmic=True), 206)
    assert canvas.place(0, 100) == (0, 6)
    assert canvas.place(10, 1) == (WIDE, 206)
    assert canvas.place(5, 10) == (WIDE // 2, 106)
    canvas.dots("ok", [(5, 10), (5, 10), (10, 1)])
    canvas.steps("p50", [(0, 10), (5, 100)], 10)
    dots, line = canvas.finish("").shapes
    assert dots.path == "M1000 106h0M2000 206h0"
    assert line.path == "M0 106H1000V6H2000"


def test_an_area_is_closed_and_an_empty_one_left_out() -> None:
    canvas = Canvas(Scale(0, 2), Scale(0, 10), 106)
    canvas.area("ok", [0, 1, 2], [0, 0], [5, 10])
    canvas.area("fail", [0, 1, 2], [5, 10], [5, 10])
    (area,) = canvas.finish("").shapes
    assert area.path == "M0 56H1000V6H2000L2000 106H1000V106H0Z"


def test_a_line_is_broken_where_there_is_no_value() -> None:
    canvas = Canvas(Scale(0, 10), Scale(0, 10), 106)
    canvas.line("s1", [(0, 0), (5, 10), (6, None), (7, 5), (8, None), (9, 0), (10, 0)], "6 3")
    canvas.line("s2", [(0, None)])
    (line,) = canvas.finish("").shapes
    assert line.path == "M0 106h0L1000 6M1400 56h0M1800 106h0L2000 106"
    assert line.dash == "6 3"


def test_an_axis_has_a_unit_or_texts_of_its_own() -> None:
    x = Scale(0, 2, unit=" s")
    assert [text for _, text in x.texts()][-1] == "2 s"
    canvas = Canvas(x, Scale(0, 1, named=((0.5, "half"),)), 106)
    canvas.tell(1, 2, "the second half")
    plot = canvas.finish("")
    assert [(label.share, label.text) for label in plot.up] == [(56 / 106, "half")]
    assert [(one.left, one.width, one.text) for one in plot.columns] == [
        (0.5, 0.5, "the second half")
    ]


def test_names_of_bands_have_room_and_never_meet() -> None:
    canvas = Canvas(Scale(0, 10), Scale(0, 1), 100)
    bands = [Band(at, at + 3, f"{at} kill", "", at) for at in (0, 2, 4)]
    plot = canvas.finish("", bands)
    assert [(band.row, round(band.room, 3)) for band in plot.bands] == [
        (0, 0.4),
        (1, 0.8),
        (0, 0.6),
    ]
    assert plot.rows == 2


def test_texts_are_escaped() -> None:
    canvas = Canvas(Scale(0, 1), Scale(0, 1), 100)
    plot = canvas.finish(MARKUP, [Band(0, 1, MARKUP, MARKUP, 0)])
    macro = environment().get_template("plot.html.j2").module.plot
    assert not re.search(r"<(script|img)", macro(plot))
