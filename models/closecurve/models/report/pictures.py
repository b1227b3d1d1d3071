"""Line pictures as SVG text: no library, no outside file, readable when printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 40
COLOURS = ("#14566b", "#b5573f", "#2c7d62", "#8a6d1f", "#6b5b95", "#566270")
TICKS = 4
WHOLE_FROM = 100
"""From here on a number is shown without decimals."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The ranges of a picture (low, high) and the names of its axes."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_title: str
    y_title: str
    x_names: Sequence[str] = ()

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Where a point lies on the picture."""
        across = _share(point[0], self.x) * (WIDTH - LEFT - RIGHT)
        up = _share(point[1], self.y) * (HEIGHT - TOP - BOTTOM)
        return round(LEFT + across, 1), round(HEIGHT - BOTTOM - up, 1)


def picture(series: Mapping[str, Points], axes: Axes, *, diagonal: bool = False) -> str:
    """Each series as a line with points, with a legend; `diagonal` is where x equals y.

    >>> picture({"a": [(0, 0), (1, 1)]}, Axes(x=(0, 1), y=(0, 1), x_title="x", y_title="y"))[:4]
    '<svg'
    """
    parts = [_grid(axes)]
    if diagonal:
        parts.append(_line([(0.0, 0.0), (1.0, 1.0)], axes, "#b6b1a6", " stroke-dasharray='4 3'"))
    for place, (name, points) in enumerate(series.items()):
        colour = COLOURS[place % len(COLOURS)]
        parts += [_line(points, axes, colour), _dots(points, axes, colour)]
        parts.append(_text(LEFT + 8, TOP + 12 + 15 * place, name, colour, "start"))
    label = escape(f"{axes.y_title} by {axes.x_title}", quote=True)
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{inside}</svg>'


def span_of(values: Sequence[float], *, at_least: float = 0.02) -> tuple[float, float]:
    """A range around values with some room on either side.

    >>> span_of([1.0, 2.0])
    (0.9, 2.1)
    """
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, at_least / 2)
    return low - room, high + room


def tick_text(value: float) -> str:
    """A number under or beside a picture.

    >>> tick_text(0.12345), tick_text(1250.0)
    ('0.123', '1,250')
    """
    return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.3g}"


def _share(value: float, span: tuple[float, float]) -> float:
    low, high = span
    return (value - low) / (high - low) if high > low else 0.5


def _grid(axes: Axes) -> str:
    parts = []
    for tick in range(TICKS + 1):
        value = axes.y[0] + (axes.y[1] - axes.y[0]) * tick / TICKS
        (x0, y), (x1, _) = axes.place((axes.x[0], value)), axes.place((axes.x[1], value))
        parts.append(f'<path d="M{x0} {y}H{x1}" stroke="#dfdcd5"/>')
        parts.append(_text(LEFT - 6, y + 4, tick_text(value), "#566270", "end"))
    parts += [_text(*place, words, "#566270", "middle") for place, words in _below(axes)]
    parts.append(_text(LEFT + (WIDTH - LEFT) / 2, HEIGHT - 4, axes.x_title, "#19222c", "middle"))
    turned = f' transform="rotate(-90 11 {HEIGHT / 2})"'
    parts.append(_text(11, HEIGHT / 2, axes.y_title, "#19222c", "middle", turned))
    return "".join(parts)


def _below(axes: Axes) -> list[tuple[tuple[float, float], str]]:
    """The ticks under the picture: names by their place, else numbers."""
    low, high = axes.x
    if axes.x_names:
        every = max(len(axes.x_names) // TICKS, 1)
        marks = [(float(i), name) for i, name in enumerate(axes.x_names) if i % every == 0]
    else:
        values = [low + (high - low) * tick / TICKS for tick in range(TICKS + 1)]
        marks = [(value, tick_text(value)) for value in values]
    return [((axes.place((x, axes.y[0]))[0], HEIGHT - BOTTOM + 16), name) for x, name in marks]


def _line(points: Points, axes: Axes, colour: str, more: str = "") -> str:
    path = " ".join(f"{x},{y}" for x, y in map(axes.place, points))
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{more}/>'


def _dots(points: Points, axes: Axes, colour: str) -> str:
    places = [axes.place(point) for point in points]
    return "".join(f'<circle cx="{x}" cy="{y}" r="2.6" fill="{colour}"/>' for x, y in places)


def _text(x: float, y: float, words: str, colour: str, anchor: str, more: str = "") -> str:
    shown = escape(words)
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}"{more}>{shown}</text>'
