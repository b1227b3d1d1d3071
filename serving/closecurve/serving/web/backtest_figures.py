"""The pictures of a track record: fans against what came, by quarter and from week to week."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from closecurve.serving.web import figures
from closecurve.serving.web.figures import BANDS, Figure, Row


def quarters_figure(rows: Sequence[Row], currency: str) -> Figure:
    """One fan for each quarter as it was said on its first day, and what came as a dot."""
    names = [row["period_name"] for row in rows]
    data = [_bar(names, rows, *band) for band in BANDS]
    dash = {"symbol": "line-ew", "size": 26, "line": {"width": 2, "color": "--ink"}}
    data.append(_marks("median", names, [row["q50"] for row in rows], dash))
    dot = {"symbol": "circle", "size": 10, "color": "--won", "line": {"width": 1, "color": "--ink"}}
    data.append(_marks("what came", names, [row["actual"] for row in rows], dot))
    axis = {"type": "category", "fixedrange": True, "showgrid": False}
    layout = {"barmode": "overlay", "xaxis": axis, "hovermode": "closest"}
    return {"data": data, "layout": _around(currency) | layout}


def _bar(names: list[str], rows: Sequence[Row], low: str, high: str, *style: str) -> Figure:
    name, colour = style
    return {
        "type": "bar",
        "name": name,
        "x": names,
        "base": [row[low] for row in rows],
        "y": [row[high] - row[low] for row in rows],
        "customdata": [[row[low], row[high]] for row in rows],
        "hovertemplate": "%{customdata[0]:.3s} to %{customdata[1]:.3s}",
        "marker": {"color": colour},
        "width": 0.6,
    }


def _marks(name: str, names: list[str], values: list[float], marker: Figure) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": names,
        "y": values,
        "marker": marker,
        "hovertemplate": "%{y:.3s}",
    }


def weeks_figure(rows: Sequence[Row], days: Sequence[date], currency: str) -> Figure:
    """One quarter from origin to origin: the fan closing in on what came, and what was booked.

    `days` are the company's days of the origins.
    """
    x = [day.isoformat() for day in days]
    data = [part for band in BANDS for part in _area(x, rows, *band)]
    line = {"type": "scatter", "mode": "lines+markers", "x": x, "marker": {"size": 5}}
    for column, name, colour in (("q50", "median", "--ink"), ("booked", "booked", "--won")):
        values = [row[column] for row in rows]
        data.append(line | {"y": values, "name": name, "line": {"color": colour}})
    dash = {"color": "--warn", "dash": "dot", "width": 2}
    came = [row["actual"] for row in rows]
    data.append(line | {"mode": "lines", "y": came, "name": "what came", "line": dash})
    for part in data:
        part.setdefault("hovertemplate", "%{y:.3s}")
    layout = {"xaxis": {"type": "date", "showgrid": False}, "hovermode": "x unified"}
    return {"data": data, "layout": _around(currency) | layout}


def _area(x: list[str], rows: Sequence[Row], low: str, high: str, *style: str) -> list[Figure]:
    """A band as two lines, the upper one filled down to the lower."""
    name, colour = style
    edge: dict[str, Any] = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}}
    edge |= {"hoverinfo": "skip", "hovertemplate": None}
    return [
        edge | {"y": [row[low] for row in rows], "showlegend": False},
        edge
        | {"y": [row[high] for row in rows], "name": name}
        | {"fill": "tonexty", "fillcolor": colour},
    ]


def _around(currency: str) -> Figure:
    return figures.layout() | {"yaxis": figures.MONEY_AXIS | {"title": {"text": currency}}}
