"""The charts as plotly figures: plain dicts, so that nothing heavy is imported to draw a page.

A colour is named as the style sheet names it (`--accent`); the page's script fills in its value,
so that the charts follow the light and the dark scheme.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

Figure = dict[str, Any]
Row = Mapping[str, Any]
BANDS = (
    ("q05", "q95", "90%", "--band-1"),
    ("q10", "q90", "80%", "--band-2"),
    ("q25", "q75", "50%", "--band-3"),
)
COLUMNS = ("Forecast", "History", "Fixed")
LABEL_ROOM = 1.12
"""A label is about this much higher than the bands that it stands on."""
MONEY_AXIS: Figure = {"tickformat": ".3~s", "rangemode": "tozero", "gridcolor": "--line"}


def quarter_figure(rows: Sequence[Row], currency: str) -> Figure:
    """The forecast's spread of each period beside the weighted funnel and the target."""
    data = [_band(rows, *band) for band in BANDS]
    data += [_weighted(rows), _booked(rows), _median(rows), _median_text(rows)]
    if any(row["target"] is not None for row in rows):
        data.append(_target(rows))
    around = layout() | {
        "barmode": "overlay",
        "yaxis": MONEY_AXIS | {"title": {"text": currency}, "zerolinecolor": "--line"},
        "xaxis": {
            "type": "multicategory",
            "dividercolor": "--line",
            "fixedrange": True,
            "tickangle": 0,
        },
        "hovermode": "closest",
        "margin": {"l": 56, "r": 8, "t": 16, "b": 56},
    }
    return {"data": data, "layout": around}


def _places(rows: Sequence[Row], *columns: str) -> list[list[str]]:
    """The two levels of the axis: the period, and the column inside it."""
    used = columns or COLUMNS
    return [
        [row["period_name"] for row in rows for _ in used],
        [column for _ in rows for column in used],
    ]


def _band(rows: Sequence[Row], low: str, high: str, name: str, colour: str) -> Figure:
    return {
        "type": "bar",
        "name": name,
        "x": _places(rows, COLUMNS[0]),
        "base": [row[low] for row in rows],
        "y": [row[high] - row[low] for row in rows],
        "customdata": [[row[low], row[high]] for row in rows],
        "hovertemplate": "%{customdata[0]:.3s} to %{customdata[1]:.3s}",
        "marker": {"color": colour},
        "width": 0.72,
    }


def _booked(rows: Sequence[Row]) -> Figure:
    booked = [row["booked"] for row in rows for _ in COLUMNS]
    return {
        "type": "bar",
        "name": "booked",
        "x": _places(rows),
        "y": booked,
        "hovertemplate": "booked %{y:.3s}",
        "marker": {"color": "--won"},
        "width": 0.72,
    }


def _weighted(rows: Sequence[Row]) -> Figure:
    names = ("weighted_pipeline_history", "weighted_pipeline_fixed")
    return {
        "type": "bar",
        "name": "weighted",
        "x": _places(rows, *COLUMNS[1:]),
        "base": [row["booked"] for row in rows for _ in names],
        "y": [row[name] for row in rows for name in names],
        "hovertemplate": "weighted funnel %{y:.3s}",
        "marker": {"color": "--neutral"},
        "width": 0.72,
    }


def _median(rows: Sequence[Row]) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "median",
        "x": _places(rows, COLUMNS[0]),
        "y": [row["q50"] for row in rows],
        "hovertemplate": "median %{y:.3s}",
        "marker": {
            "symbol": "line-ew",
            "size": 34,
            "line": {"width": 3, "color": "--ink"},
        },
    }


def _median_text(rows: Sequence[Row]) -> Figure:
    """The median in figures above the bands, where nothing is drawn over it."""
    return {
        "type": "scatter",
        "mode": "text",
        "x": _places(rows, COLUMNS[0]),
        "y": [_clear_of_target(row) for row in rows],
        "customdata": [row["q50"] for row in rows],
        "texttemplate": "%{customdata:.3s}",
        "textposition": "top center",
        "textfont": {"color": "--ink", "size": 14, "weight": 700},
        "hoverinfo": "skip",
        "showlegend": False,
        "cliponaxis": False,
    }


def _clear_of_target(row: Row) -> float:
    """Where the text stands: on top of the bands, or of the target where that lies just above."""
    top, target = float(row["q95"]), row["target"]
    return float(target) if target is not None and top <= target <= top * LABEL_ROOM else top


def _target(rows: Sequence[Row]) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "target",
        "x": _places(rows),
        "y": [row["target"] for row in rows for _ in COLUMNS],
        "hovertemplate": "target %{y:.3s}",
        "marker": {"symbol": "line-ew", "size": 60, "line": {"width": 2, "color": "--warn"}},
    }


def curve_figure(
    curve: Mapping[str, Sequence[float]],
    as_of: pd.Timestamp,
    marks: Mapping[str, date | None],
    ends: tuple[str, str] = ("won", "lost"),
) -> Figure:
    """A close curve over the days ahead: won from below, lost from above, still open between.

    `marks` are days to point at, by the words that stand beside them; `ends` is what the two ends
    are called.
    """
    dates = [(as_of + pd.Timedelta(days=float(day))).date().isoformat() for day in curve["days"]]
    open_share = [
        max(1 - won - lost, 0.0) for won, lost in zip(curve["won"], curve["lost"], strict=True)
    ]
    data = [
        _area(ends[0], dates, curve["won"], "--won"),
        _area("still open", dates, open_share, "--band-1"),
        _area(ends[1], dates, curve["lost"], "--lost-area"),
    ]
    first, last = dates[0], dates[-1]
    inside = {
        words: day.isoformat()
        for words, day in marks.items()
        if day is not None and first <= day.isoformat() <= last
    }
    around = layout() | {
        "yaxis": {"tickformat": ".0%", "range": [0, 1], "gridcolor": "--line", "fixedrange": True},
        "xaxis": {"type": "date", "range": [first, last], "showgrid": False},
        "hovermode": "x unified",
        "shapes": [_line(day) for day in inside.values()],
        "annotations": [_note(words, day, row) for row, (words, day) in enumerate(inside.items())],
    }
    return {"data": data, "layout": around}


def _area(name: str, dates: Sequence[str], shares: Sequence[float], colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(dates),
        "y": list(shares),
        "stackgroup": "ends",
        "line": {"width": 0.5, "color": colour},
        "fillcolor": colour,
        "hovertemplate": "%{y:.0%}",
    }


def _line(day: str) -> Figure:
    line = {"color": "--ink", "width": 1, "dash": "dot"}
    return {
        "type": "line", "x0": day, "x1": day, "y0": 0, "y1": 1, "yref": "paper", "line": line,
    }  # fmt: skip


def _note(words: str, day: str, row: int) -> Figure:
    return {
        "x": day, "y": 0.98 - 0.1 * row, "yref": "paper", "text": words, "showarrow": False,
        "xanchor": "left", "xshift": 4, "font": {"size": 12, "color": "--ink"},
        "bgcolor": "--card", "opacity": 0.9,
    }  # fmt: skip


def history_figure(history: Sequence[Row]) -> Figure:
    """How the probability of a deal moved from one publication to the next."""
    dates = [row["as_of"].isoformat() for row in history]
    around = layout() | {
        "yaxis": {"tickformat": ".0%", "range": [0, 1], "gridcolor": "--line", "fixedrange": True},
        "xaxis": {"type": "date", "showgrid": False},
        "hovermode": "x unified",
    }
    data = [
        _steps("ever", dates, [row["win_probability_eventual"] for row in history], "--accent"),
        _steps("this quarter", dates, [row["win_probability_quarter"] for row in history], "--won"),
    ]
    return {"data": data, "layout": around}


def _steps(name: str, dates: Sequence[str], shares: Sequence[float], colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": list(dates),
        "y": list(shares),
        "line": {"shape": "hv", "width": 2, "color": colour},
        "marker": {"size": 5},
        "hovertemplate": "%{y:.0%}",
    }


def layout() -> Figure:
    """What all charts share: the page's type and colours, no toolbar, a legend on top."""
    return {
        "font": {"family": "--font", "size": 12, "color": "--muted"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 52, "r": 12, "t": 16, "b": 32},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hoverlabel": {
            "bgcolor": "--card",
            "bordercolor": "--line",
            "font": {"color": "--ink", "family": "--font"},
        },
        "dragmode": False,
    }
