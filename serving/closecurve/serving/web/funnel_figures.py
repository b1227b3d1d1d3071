"""The charts of the funnel's page."""

from collections.abc import Mapping, Sequence
from typing import Any

from closecurve.serving.web.figures import MONEY_AXIS, Figure, layout

Row = Mapping[str, Any]
WEIGHTED = (
    ("weighted_history", "weighted, history's rates", "--accent", 0.5),
    ("weighted_fixed", "weighted, fixed rates", "--neutral", 0.16),
)
COMPARED = (
    ("conversion_rate", "last 91 days", "--won", "circle-open"),
    ("expected_rate", "as the year before it", "--warn", "diamond-open"),
)
MOST_LABEL = 22


def levels_figure(stages: Sequence[Row]) -> Figure:
    """The levels from top to bottom by amount, each around the middle, as a funnel is drawn; inside
    each what is left of it at history's and at the fixed rates."""
    data = [_level(stages, "amount", "amount", "--band-2", 0.82)]
    data += [_level(stages, *said) for said in WEIGHTED if _has(stages, said[0])]
    data.append(_level_text(stages))
    return {
        "data": data,
        "layout": layout()
        | {
            "barmode": "overlay",
            "xaxis": {"visible": False, "fixedrange": True, "range": _with_room(stages)},
            "yaxis": _levels_axis(stages),
            "hovermode": "closest",
            "margin": {"l": 130, "r": 12, "t": 16, "b": 12},
        },
    }


def _with_room(stages: Sequence[Row]) -> list[float]:
    """The range that holds the widest level and the text beside it."""
    half = max((row["amount"] for row in stages), default=0.0) / 2
    return [-half * 1.02, half * 1.35]


def _has(stages: Sequence[Row], name: str) -> bool:
    return any(row[name] is not None for row in stages)


def _level(stages: Sequence[Row], name: str, said: str, colour: str, width: float) -> Figure:
    values = [row[name] or 0.0 for row in stages]
    return {
        "type": "bar",
        "orientation": "h",
        "name": said,
        "y": [row["stage"] for row in stages],
        "x": values,
        "base": [-value / 2 for value in values],
        "customdata": values,
        "hovertemplate": "%{customdata:.3s}",
        "marker": {"color": colour},
        "width": width,
    }


def _level_text(stages: Sequence[Row]) -> Figure:
    """The amount at the right end of each level."""
    return {
        "type": "scatter",
        "mode": "text",
        "x": [row["amount"] / 2 for row in stages],
        "y": [row["stage"] for row in stages],
        "customdata": [row["amount"] for row in stages],
        "texttemplate": " %{customdata:.3s}",
        "textposition": "middle right",
        "textfont": {"color": "--ink", "size": 13},
        "hoverinfo": "skip",
        "showlegend": False,
        "cliponaxis": False,
    }


def _levels_axis(stages: Sequence[Row]) -> Figure:
    names = [row["stage"] for row in stages]
    short = [name if len(name) <= MOST_LABEL else name[: MOST_LABEL - 1] + "…" for name in names]
    return {
        "autorange": "reversed", "fixedrange": True, "tickvals": names, "ticktext": short,
        "showgrid": False, "ticklabelstandoff": 6,
    }  # fmt: skip


def conversion_figure(
    series: Sequence[tuple[str, Sequence[Row]]], compared: Sequence[Row]
) -> Figure:
    """Conversion by stage with its 95 % interval, once for each named series of stages; and of the
    last quarter beside what the year before lets expect (`compared`: leaks against the past)."""
    colours = ("--accent", "--neutral")
    data = [
        _intervals(name, rows, colour)
        for (name, rows), colour in zip(series, colours, strict=False)
    ]
    past = [row for row in compared if row["against"] == "past"]
    data += [_marks(past, *said) for said in COMPARED if past]
    return {
        "data": data,
        "layout": layout()
        | {
            "yaxis": {"tickformat": ".0%", "gridcolor": "--line", "fixedrange": True},
            "xaxis": {"fixedrange": True, "showgrid": False},
            "scattermode": "group",
            "hovermode": "x unified",
        },
    }


def _marks(rows: Sequence[Row], column: str, name: str, colour: str, symbol: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [row["stage"] for row in rows],
        "y": [row[column] for row in rows],
        "marker": {"size": 9, "color": colour, "symbol": symbol},
        "hovertemplate": "%{y:.0%}",
    }


def _intervals(name: str, rows: Sequence[Row], colour: str) -> Figure:
    known = [row for row in rows if row["conversion_rate"] is not None]
    rates = [row["conversion_rate"] for row in known]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [row["stage"] for row in known],
        "y": rates,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [row["conversion_high"] - row["conversion_rate"] for row in known],
            "arrayminus": [row["conversion_rate"] - row["conversion_low"] for row in known],
            "color": colour,
            "thickness": 2,
        },
        "marker": {"size": 9, "color": colour},
        "hovertemplate": "%{y:.0%}",
    }


def narrowing_figure(series: Sequence[tuple[str, Sequence[Row]]]) -> Figure:
    """Of 100 deals that enter, how many reach each level and are won: the steeper, the narrower."""
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": [*(row["stage"] for row in rows), "won"],
            "y": reached(rows),
            "line": {"width": 2, "color": colour},
            "marker": {"size": 7},
            "hovertemplate": "%{y:.0%}",
        }
        for (name, rows), colour in zip(series, ("--accent", "--lost"), strict=False)
    ]
    return {
        "data": data,
        "layout": layout()
        | {
            "yaxis": {"tickformat": ".0%", "range": [0, 1.03], "gridcolor": "--line"},
            "xaxis": {"fixedrange": True, "showgrid": False, "automargin": True},
            "hovermode": "x unified",
        },
    }


def reached(rows: Sequence[Row]) -> list[float | None]:
    """The share that is left at the entry of each stage and at the win; None after a gap."""
    left: list[float | None] = [1.0]
    for row in rows:
        before, rate = left[-1], row["conversion_rate"]
        left.append(None if before is None or rate is None else before * rate)
    return left


def season_figure(row: Row, currency: str) -> Figure:
    """Won revenue by month over the usual: expected, with the band that holds 80 % of months."""
    months = row["months"]
    dates = [month["month"].isoformat() for month in months]
    won = _line("won_amount", dates, months, {"color": "--won", "width": 1}) | {
        "name": "won",
        "mode": "lines+markers",
        "marker": {"size": 6, "color": "--won"},
    }
    lines = [
        _line("low", dates, months, {"width": 0}) | {"showlegend": False, "hoverinfo": "skip"},
        _line("high", dates, months, {"width": 0})
        | {"name": "80% of usual months", "fill": "tonexty", "fillcolor": "--band-1"}
        | {"hoverinfo": "skip"},
        _line("expected", dates, months, {"color": "--ink", "width": 2}),
    ]
    told = row["verdict"] != "not-enough-history"
    made = layout() | {
        "yaxis": MONEY_AXIS | {"title": {"text": currency}},
        "xaxis": {"type": "date", "showgrid": False},
        "hovermode": "x unified",
    }
    if row["fall_month"] is not None:
        made |= _fall_mark(row["fall_month"].isoformat())
    return {"data": [*(lines if told else []), won], "layout": made}


def _line(name: str, dates: Sequence[str], months: Sequence[Row], line: Figure) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(dates),
        "y": [month[name] for month in months],
        "line": line,
        "hovertemplate": "%{y:.3s}",
    }


def _fall_mark(day: str) -> Figure:
    line = {"color": "--warn", "width": 2, "dash": "dot"}
    shape = {
        "type": "line", "x0": day, "x1": day, "y0": 0, "y1": 1, "yref": "paper", "line": line,
    }  # fmt: skip
    note = {
        "x": day, "y": 1, "yref": "paper", "text": "the fall", "showarrow": False,
        "xanchor": "left", "xshift": 4, "font": {"color": "--warn"},
    }  # fmt: skip
    return {"shapes": [shape], "annotations": [note]}


def lorenz_figure(rows: Sequence[Row]) -> Figure:
    """The share of revenue that the smaller holders carry; the straight line is all alike."""
    colours = {"owner": "--accent", "account": "--lost"}
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"{row['holder_kind']}s",
            "x": [point[0] for point in row["lorenz"]],
            "y": [point[1] for point in row["lorenz"]],
            "line": {"width": 2, "color": colours[row["holder_kind"]]},
            "hovertemplate": "the smaller %{x:.0%} carry %{y:.0%}",
        }
        for row in rows
    ]
    alike = {"type": "scatter", "mode": "lines", "name": "all alike", "x": [0, 1], "y": [0, 1]}
    data.append(alike | {"line": {"dash": "dot", "color": "--muted"}, "hoverinfo": "skip"})
    axis = {"tickformat": ".0%", "range": [0, 1], "gridcolor": "--line", "fixedrange": True}
    return {
        "data": data,
        "layout": layout()
        | {
            "xaxis": axis | {"title": {"text": "of them, smallest first"}},
            "yaxis": axis | {"title": {"text": "of won revenue"}},
            "hovermode": "closest",
            "margin": {"l": 60, "r": 12, "t": 16, "b": 48},
        },
    }
