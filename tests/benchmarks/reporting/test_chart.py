import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reporting.chart import HEIGHT, WIDTH, log_ticks, svg, ticks
from benchmarks.reporting.document import Bars, Lines, Series

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: Lines | Bars) -> ElementTree.Element:
    return ElementTree.fromstring(svg(chart))


def test_a_line_has_a_point_for_each_value_there_is_and_none_lies_outside():
    p50 = Series("p50", [1.0, 50.0, 200.0], [2.0, 4.0, 900.0])
    p99 = Series("p99 & more", [1.0, 50.0, None], [3.0, math.nan, 5.0])
    found = drawn(Lines("by <load>", "feeds/s", "ms", [p50, p99], bound=200.0))
    dots = [c for c in found.iter(SVG + "circle") if c.get("r") == "2.6"]
    assert len(dots) == 4
    assert all(0 <= float(c.get("cx")) <= WIDTH and 0 <= float(c.get("cy")) <= HEIGHT for c in dots)
    first, _, last = (float(c.get("cy")) for c in dots[:3])
    [bound] = [line for line in found.iter(SVG + "line") if line.get("class") == "bound"]
    assert first > float(bound.get("y1")) > last
    texts = ["".join(text.itertext()) for text in found.iter(SVG + "text")]
    assert {"by <load>", "p99 & more", "feeds/s", "ms"} <= set(texts)


def test_bars_are_as_long_as_their_values():
    found = drawn(Bars("goodput", "feeds/s", ["fused", "other", "none"], [200.0, 50.0, 0.0]))
    widths = [float(bar.get("width")) for bar in found.iter(SVG + "rect")]
    assert widths[0] == pytest.approx(4 * widths[1], rel=0.01)
    assert widths[2] == 1
    assert [bar.get("class") for bar in found.iter(SVG + "rect")] == ["first", "rest", "rest"]
    assert "50 feeds/s" in svg(Bars("goodput", "feeds/s", ["other"], [50.0]))


def test_nothing_measured_is_said():
    assert "nothing was measured" in svg(Lines("t", "x", "y", [Series("none", [], [])]))
    assert drawn(Bars("t", "x", [], [])) is not None


@given(st.floats(1e-3, 1e6), st.floats(1, 1e5))
def test_ticks_lie_around_what_is_shown(least, ratio):
    around = log_ticks(least, least * ratio)
    assert around[0] <= least * (1 + 1e-9)
    assert around[-1] >= least * ratio * (1 - 1e-9)
    assert len(set(around)) == len(around) >= 1
    linear = ticks(least)
    assert linear[0] == 0
    assert least * 0.4 < linear[-1] <= least * (1 + 1e-9)
    assert len(linear) <= 8
