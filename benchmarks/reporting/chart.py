"""Charts as SVG, written by hand: legible in light and dark, inside a page and by themselves."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from benchmarks.reporting.document import Bars, Lines, Series

WIDTH: Final = 480
HEIGHT: Final = 300
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 56, 44
_ROW: Final = 32

_STYLE: Final = """
.chart{--ink:#1c2330;--faint:#d8dee6;--soft:#5b6675;font:12px system-ui,sans-serif}
.chart text{fill:var(--soft)} .chart .title{fill:var(--ink);font-size:14px;font-weight:600}
.chart .value{fill:var(--ink);font-variant-numeric:tabular-nums}
.chart .grid{stroke:var(--faint)} .chart .bound{stroke:var(--soft);stroke-dasharray:5 4}
.chart path{fill:none;stroke-width:2.2;stroke-linejoin:round}
.chart .s0{stroke:#0f6fc5;fill:#0f6fc5} .chart .s1{stroke:#d2571b;fill:#d2571b} .chart .s2{stroke:#138a63;fill:#138a63}
.chart .s3{stroke:#b0509a;fill:#b0509a} .chart .s4{stroke:#b98600;fill:#b98600} .chart path.line{fill:none}
.chart rect.rest{fill:var(--soft);opacity:.45} .chart rect.first{fill:#0f6fc5}
@media (prefers-color-scheme:dark){
.chart{--ink:#e8edf4;--faint:#323c4a;--soft:#9aa7b8}
.chart .s0{stroke:#5fb0f5;fill:#5fb0f5} .chart .s1{stroke:#f2915f;fill:#f2915f} .chart .s2{stroke:#4ecb9c;fill:#4ecb9c}
.chart .s3{stroke:#e08fcd;fill:#e08fcd} .chart .s4{stroke:#e6bd4f;fill:#e6bd4f} .chart rect.first{fill:#5fb0f5}}
"""
_COLOURS: Final = 5

Scale = Callable[[float], float]


def svg(chart: Lines | Bars) -> str:
    """The chart as one SVG element."""
    height, body = (HEIGHT, _lines(chart)) if isinstance(chart, Lines) else (_bars_height(chart), _bars(chart))
    title = f'<text class="title" x="0" y="16">{escape(chart.title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(chart.title)}"><style>{_STYLE}</style>{title}{body}</svg>\n'
    )


def _lines(chart: Lines) -> str:
    lines = [(series.name, _points(series)) for series in chart.series]
    points = [point for _, found in lines for point in found]
    if not points:
        return f'<text x="0" y="{TOP}">nothing was measured</text>'
    xs, ys = [x for x, _ in points], [y for _, y in points]
    ys += [chart.bound] if chart.bound else []
    across = _linear(0.0, max(xs), LEFT, WIDTH - RIGHT)
    bottom = HEIGHT - BOTTOM
    up = _log(min(ys), max(ys), bottom, TOP)
    parts = []
    for y in log_ticks(min(ys), max(ys)):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    below = f'y="{bottom + 18}" text-anchor="middle"'
    parts += [f'<text x="{across(x):.1f}" {below}>{x:g}</text>' for x in ticks(max(xs))]
    if chart.bound:
        y = up(chart.bound)
        parts.append(f'<line class="bound" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    legend = 0.0
    for s, (name, found) in enumerate(lines):
        colour = f"s{s % _COLOURS}"
        path = " ".join(f"{'M' if not i else 'L'}{across(x):.1f} {up(y):.1f}" for i, (x, y) in enumerate(found))
        parts.append(f'<path class="line {colour}" d="{path}"/>')
        parts += [f'<circle class="{colour}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.6"/>' for x, y in found]
        parts.append(f'<circle class="{colour}" cx="{legend + 5:.0f}" cy="33" r="4"/>')
        parts.append(f'<text x="{legend + 14:.0f}" y="37">{escape(name)}</text>')
        legend += 30 + 6.6 * len(name)
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(chart.x_label)}</text>')
    parts.append(f'<text x="0" y="{HEIGHT - 8}">{escape(chart.y_label)}</text>')
    return "".join(parts)


def _points(series: Series) -> list[tuple[float, float]]:
    pairs = zip(series.x, series.y, strict=True)
    return [(x, y) for x, y in pairs if x is not None and y is not None and math.isfinite(y) and y > 0]


def _bars_height(chart: Bars) -> int:
    return TOP - 20 + _ROW * len(chart.labels)


def _bars(chart: Bars) -> str:
    room = 12 + 7 * max((len(label) for label in chart.labels), default=0)
    value_room = 90
    most = max([*chart.values, 1e-9])
    parts = []
    for row, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True)):
        y, width = TOP - 24 + _ROW * row, (WIDTH - room - value_room) * value / most
        parts.append(f'<text x="0" y="{y + 16}">{escape(label)}</text>')
        kind = "rest" if row and not chart.alike else "first"
        parts.append(f'<rect class="{kind}" x="{room}" y="{y}" width="{max(width, 1):.1f}" height="22" rx="3"/>')
        told = escape(f"{value:,.0f} {chart.unit}" if value >= 100 else f"{value:.3g} {chart.unit}")
        parts.append(f'<text class="value" x="{room + max(width, 1) + 8:.1f}" y="{y + 16}">{told}</text>')
    return "".join(parts)


def ticks(most: float, about: int = 6) -> Sequence[float]:
    """Round numbers from 0 to `most`."""
    step = _round_up(most / about)
    return [round(step * i, 10) for i in range(math.floor(most / step + 1e-9) + 1)]


def log_ticks(least: float, most: float) -> Sequence[float]:
    """1, 2 and 5 times powers of ten that lie around `least` to `most`, both > 0; of many only the powers."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    found = [round(f * 10.0**p, 10) for p in powers for f in factors]
    low = max((t for t in found if t <= least), default=found[0])
    high = min((t for t in found if t >= most), default=found[-1])
    return [t for t in found if low <= t <= high]


def _round_up(value: float) -> float:
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= value * (1 - 1e-9))


def _linear(low: float, high: float, start: float, stop: float) -> Scale:
    return lambda value: start + (stop - start) * (value - low) / ((high - low) or 1.0)


def _log(low: float, high: float, start: float, stop: float) -> Scale:
    around = log_ticks(low, high)
    inner = _linear(math.log(around[0]), math.log(around[-1]), start, stop)
    return lambda value: inner(math.log(value))
