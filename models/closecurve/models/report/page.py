"""The report as one HTML page that asks for nothing outside of itself."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from closecurve.models.report.pictures import Axes, picture, span_of

Row = Mapping[str, Any]
Cell = Callable[[Any], str]

STYLE = """
body{margin:0 auto;max-width:64rem;padding:2rem 1.25rem;background:#f8f7f4;color:#19222c;
font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1,h2{font-family:Georgia,serif;line-height:1.2}h2{margin-top:2.4rem}
table{border-collapse:collapse;width:100%;background:#fff;font-size:.88rem}
th,td{padding:.4rem .7rem;text-align:left;border-bottom:1px solid #efede8}
td.n,th.n{text-align:right}p.note{color:#566270;font-size:.88rem;max-width:54rem}
.pictures{display:flex;flex-wrap:wrap;gap:1rem}svg{width:420px;max-width:100%;background:#fff;
border:1px solid #dfdcd5}svg text{font:11px system-ui,sans-serif}.off{color:#a23b1e}
"""


def report_page(told: Row) -> str:
    """The page of a report document, as `closecurve.pipelines.report` puts it together.

    Parts that the document does not have are left out.
    """
    sections = [make(told) for make in SECTIONS]
    title = escape(f"Model report: {told['subject']}s of {told['company'] or 'the company'}")
    body = "".join(sections)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(told['finding'])}</p>{body}</body></html>\n"
    )


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _note(words: str) -> str:
    return f'<p class="note">{escape(words)}</p>'


def _table(rows: Sequence[Row], columns: Mapping[str, tuple[str, Cell]]) -> str:
    """Rows as a table; `columns` are by key: the heading, and how a value is written."""
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in columns.values())
    lines = [
        "".join(f"<td>{escape(write(row.get(key)))}</td>" for key, (_, write) in columns.items())
        for row in rows
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:
    return "–" if value is None else str(value)


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: Any) -> str:
    return "–" if value is None else f"{value:.1%}"


def _yes(value: Any) -> str:
    return "yes" if value else ""


def _calibration(told: Row) -> str:
    won = [each for each in told["reliability"] if each["outcome"] == "won"]
    if not won:
        return ""
    series = {
        f"{each['horizon_days']:.0f} days": [
            (row["probability"], row["observed_rate"]) for row in each["bins"]
        ]
        for each in won
    }
    top = max(value for points in series.values() for point in points for value in point)
    axes = Axes(x=(0, top), y=(0, top), x_title="said", y_title="happened")
    words = "Said against happened on held-back time, ten groups of equal size by horizon."
    return _section("Calibration", _note(words), picture(series, axes, diagonal=top >= 1))


def _segments(told: Row) -> str:
    rows = told.get("segments")
    if not rows:
        return ""
    words = (
        f"Within {told['horizon_days']:.0f} days, on held-back time. Off: what was said lies"
        " outside the 95 % interval of what happened; one in twenty does by chance."
    )
    columns = {
        "segment": ("By", _text),
        "value": ("Segment", _text),
        "records": ("Records", _text),
        "probability": ("Said", _percent),
        "observed_rate": ("Happened", _percent),
        "observed_low": ("From", _percent),
        "observed_high": ("To", _percent),
        "is_off": ("Off", _yes),
    }
    return _section("Calibration by segment", _note(words), _table(rows, columns))


def _months(told: Row) -> str:
    rows = told.get("months")
    if not rows:
        return ""
    points = [(float(place), row["auc"]) for place, row in enumerate(rows)]
    axes = Axes(
        x=(0.0, max(len(rows) - 1.0, 1.0)),
        y=span_of([row["auc"] for row in rows], at_least=0.1),
        x_title="month of the landmarks",
        y_title="area under the curve",
        x_names=[row["month"] for row in rows],
    )
    words = "How well won and not won are told apart month by month; 0.5 is chance."
    return _section("Discrimination over time", _note(words), picture({"auc": points}, axes))


def _learning(told: Row) -> str:
    rows = told.get("learning_curve")
    if not rows:
        return ""
    names = [name for name in rows[0] if name not in ("share", "closes")]
    series = {
        name.replace("_", " "): [(float(row["closes"]), row[name]) for row in rows]
        for name in names
    }
    losses = [row[name] for row in rows for name in names]
    most = float(max(row["closes"] for row in rows))
    axes = Axes(x=(0, most), y=span_of(losses), x_title="closes learned from", y_title="log loss")
    words = "Refits on parts of the records, scored on the same held-back time; lower is better."
    return _section("Learning curve", _note(words), picture(series, axes))


def _comparison(told: Row) -> str:
    rows = told.get("comparison")
    if not rows:
        return ""
    columns = {
        "name": ("Answered by", _text),
        "rows": ("Landmarks", _text),
        "log_loss": ("Log loss", _number),
        "gap": ("Worse than the model by", _number),
        "standard_error": ("Its error", _number),
    }
    words = "On held-back time, the mean over all horizons; the champion before on its own rows."
    return _section("Beside every baseline", _note(words), _table(rows, columns))


def _split(told: Row) -> str:
    gap = told.get("split_gap")
    if not gap or gap["at_random"] is None:
        return ""
    rows = [
        {"name": "by time (what is reported)"} | dict(gap["by_time"]),
        {"name": "at random (what it would have claimed)"} | dict(gap["at_random"]),
    ]
    columns = {"name": ("Held back", _text), "auc": ("AUC", _number), "skill": ("Skill", _percent)}
    words = (
        "Skill is the part of the log loss of the bare rate that is saved. A random split shows a"
        " model other landmarks of the same record and month: the difference is optimism."
    )
    return _section("A split by time against one at random", _note(words), _table(rows, columns))


def _drift(told: Row) -> str:
    rows = told.get("drift")
    if not rows:
        return ""
    columns = {
        "feature": ("Feature", _text),
        "stability_index": ("Stability index", _number),
        "chance": ("By chance up to", _number),
        "distance": ("Kolmogorov-Smirnov", _number),
        "absent_then": ("Absent then", _percent),
        "absent_now": ("Absent now", _percent),
        "is_finding": ("Drifted", _yes),
    }
    found = sum(row["is_finding"] for row in rows)
    words = (
        f"{found} of {len(rows)} features drifted: what is open now against what was trained on,"
        " an index above 0.1 that chance exceeds once in a thousand."
    )
    return _section("Drift", _note(words), _table(rows[:MOST_DRIFT], columns))


MOST_DRIFT = 25
"""The features that drifted most are listed."""


def _groups(told: Row) -> str:
    rows = told.get("groups")
    if not rows:
        return ""
    columns = {
        "group": ("Feature group", _text),
        "mean_effect": ("Moves a probability by", _percent),
        "features": ("Features", _text),
    }
    words = "Mean size of what each group adds to the probability of what is open now."
    return _section("Feature groups", _note(words), _table(rows, columns))


def _stalls(told: Row) -> str:
    found = told.get("stalls")
    if not found:
        return ""
    scores = [{"name": name.replace("_", " ")} | row for name, row in found["scores"].items()]
    columns = {
        "name": ("Answered by", _text),
        "log_loss": ("Log loss", _number),
        "auc": ("AUC", _number),
        "calibration_error": ("Calibration error", _number),
        "calibration_luck": ("By luck alone", _number),
    }
    bins = [(row["probability"], row["observed_rate"]) for row in found["reliability"]]
    axes = Axes(x=(0, 1), y=(0, 1), x_title="said", y_title="happened")
    drawn = picture({f"{found['horizon_days']:.0f} days": bins}, axes, diagonal=True)
    return _section("Stalls", _note(_stall_words(found)), _table(scores, columns), drawn)


def _stall_words(found: Row) -> str:
    """What was asked of how many landmarks, who answers, and what a flag was worth."""
    who = "the model answers" if found["is_better"] else "the rate by stage and dwell answers"
    words = (
        f"No move forward and no win within {found['horizon_days']:.0f} days, on"
        f" {found['held_back_rows']:,} held-back landmarks: {who}."
    )
    flags = found["flags"]
    if flags["flagged_stalled_rate"] is None or flags["other_stalled_rate"] is None:
        return words
    return (
        f"{words} Of the deals flagged {flags['flagged_stalled_rate']:.1%} stood still"
        f" ({flags['flagged_stalled_low']:.1%} to {flags['flagged_stalled_high']:.1%}), of the"
        f" others {flags['other_stalled_rate']:.1%}."
    )


def _grades(told: Row) -> str:
    found = told.get("grades")
    if not found:
        return ""
    columns = {
        "grade": ("Grade", _text),
        "count": ("Leads", _text),
        "converted_count": ("Converted", _text),
        "conversion_rate": ("Share", _percent),
        "conversion_low": ("From", _percent),
        "conversion_high": ("To", _percent),
    }
    words = (
        f"Leads since {found['since'][:10]}, graded by a model that had not seen them: the share"
        f" that converted within {found['within_days']} days, with its 95 % interval."
    )
    return _section("Conversion by grade", _note(words), _table(found["items"], columns))


def _limits(told: Row) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in told["limits"])
    return _section("Known limits", f"<ul>{items}</ul>") if items else ""


def _data(told: Row) -> str:
    rows = [{"name": name, "value": value} for name, value in told["data"].items()]
    columns = {"name": ("What", _text), "value": ("", _text)}
    return _section("Data used", _table(rows, columns))


SECTIONS = (
    _calibration,
    _segments,
    _learning,
    _months,
    _comparison,
    _split,
    _drift,
    _groups,
    _stalls,
    _grades,
    _limits,
    _data,
)
