"""What the commands print: lines that a manager understands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from closecurve.pipelines.publication import Published
from closecurve.sources.importing import ImportReport

SHOWN_ROWS = 5
UNITS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def money(amount: float, currency: str) -> str:
    """An amount in three figures.

    >>> money(1_234_567, "USD")
    'USD 1.23 M'
    """
    if pd.isna(amount):
        return "unknown"
    unit, letter = next(((u, x) for u, x in UNITS if abs(amount) >= u), (1.0, ""))
    return f"{currency} {amount / unit:.3g} {letter}".rstrip()


def import_lines(report: ImportReport) -> list[str]:
    """Rows read, kept and set aside by table, and where the report lies."""
    news = "a new history" if report.is_new else "the same history as before"
    lines = [f"Imported {news}, known up to {report.data_until:%Y-%m-%d %H:%M} UTC."]
    lines += [
        f"  {table.table:<13} {table.read:>10,} rows read, {table.set_aside:>6,} set aside"
        for table in report.tables
        if table.read
    ]
    if report.set_aside:
        rules = report.rejected["rule"].value_counts().head(SHOWN_ROWS)
        counted = ", ".join(f"{rule} {count:,}" for rule, count in rules.items())
        lines += [f"Set aside {report.set_aside:,} rows: {counted}", f"  {report.report_path}"]
    return lines


def import_document(report: ImportReport) -> dict[str, Any]:
    """The same for machines."""
    return {
        "history_id": report.history_id,
        "is_new": report.is_new,
        "data_until": report.data_until.isoformat(),
        "tables": {t.table: {"read": t.read, "set_aside": t.set_aside} for t in report.tables},
        "rules": {str(k): int(v) for k, v in report.rejected["rule"].value_counts().items()},
        "report": str(report.report_path),
    }


def training_lines(reports: dict[str, Any]) -> list[str]:
    """How each curve did on held-back time, and what was set aside."""
    lines = []
    for subject, report in reports.items():
        lines.append(
            f"{subject.capitalize()}s: {report['ids']:,} known, {report['closed']:,} closed."
            f" {report['finding']}"
        )
    aside = next(iter(reports.values()))["set_aside"]
    lines += [f"Not used: {name}: {reason}." for name, reason in aside.items()]
    return lines


def summary_lines(published: Published) -> list[str]:
    """The quarter, the deals, the leads and how far to trust it."""
    publication, summary = published.publication, published.summary
    zone = summary["time_zone"]
    as_of = publication.as_of.tz_localize("UTC").tz_convert(zone)
    head = f"{summary['company']}, as of {as_of:%Y-%m-%d %H:%M} ({zone})"
    return [
        "",
        head,
        "-" * len(head),
        *_quarters(publication.forecasts, summary["currency"]),
        *_deals(publication.deal_scores, summary),
        *_leads(publication.lead_scores, summary),
        *(f"How far to trust it: {r['finding']}" for r in summary["models"].values()),
    ]


def _quarters(forecasts: pd.DataFrame, currency: str) -> Iterator[str]:
    for _, row in forecasts[forecasts["scope_kind"] == "company"].iterrows():
        low, mid, high = (money(row[name], currency) for name in ("q10", "q50", "q90"))
        yield f"{row['period_name']}: {mid} likely, {low} to {high} in 8 of 10 cases"
        parts = (money(row[name], currency) for name in ("booked", "open_mean", "new_mean"))
        yield "  booked {}, from open deals {}, from deals not created yet {}".format(*parts)
        if pd.notna(row["target"]):
            target, chance = money(row["target"], currency), row["target_probability"]
            yield f"  target {target}: {chance:.0%} likely to be reached"
        fixed, history = (
            money(row["booked"] + row[f"weighted_pipeline_{kind}"], currency)
            for kind in ("fixed", "history")
        )
        yield f"  the classic weighted funnel says {fixed}; with the rates of history {history}"


def _deals(scores: pd.DataFrame, summary: dict[str, Any]) -> Iterator[str]:
    yield f"Open deals: {summary['open_deals']:,}. Most likely this quarter:"
    if scores.empty:
        return
    for _, row in scores.nlargest(SHOWN_ROWS, "win_probability_quarter").iterrows():
        amount = money(row["amount_company"], summary["currency"])
        why = row["reasons"][0]["sentence"] if row["reasons"] else ""
        yield (
            f"  {row['deal_id']:<12} {row['stage'] or '':<16} {amount:>12}"
            f" {row['win_probability_quarter']:>5.0%}  {why}"
        )


def _leads(scores: pd.DataFrame, summary: dict[str, Any]) -> Iterator[str]:
    if scores.empty:
        yield "Leads: none open."
        return
    grades = summary["grades"]
    counted = ", ".join(f"{letter} {grades.get(letter, 0)}" for letter in "ABCD")
    overdue = summary["overdue_leads"]
    yield f"Open leads: {summary['open_leads']:,} ({counted}), {overdue} overdue. First to answer:"
    for _, row in scores.nsmallest(SHOWN_ROWS, "queue_rank").iterrows():
        why = row["reasons"][0]["sentence"] if row["reasons"] else ""
        due = f"{row['response_due_at']:%Y-%m-%d %H:%M} UTC"
        yield (
            f"  {row['lead_id']:<12} {row['grade']}  due {due}"
            f" {row['conversion_probability_eventual']:>5.0%}  {why}"
        )


def backtest_lines(metrics: dict[str, Any], out: Path) -> list[str]:
    """Log losses beside the baselines, and the forecast beside the weighted funnel."""
    lines = []
    for subject in ("deals", "leads"):
        for days, horizon in metrics[subject].get("horizons", {}).items():
            for cause, models in horizon.items():
                losses = ", ".join(f"{name} {m['log_loss']:.4f}" for name, m in models.items())
                within = "ever" if days == "eventual" else f"within {days} days"
                lines.append(f"{subject} {cause} {within}: log loss {losses}")
    for name, part in metrics["forecast"].items():
        lines.append(
            f"forecast of the {name} quarter ({part['count']}): WAPE {_share(part['wape'])},"
            f" weighted funnel {_share(part['wape_weighted_fixed'])} fixed,"
            f" {_share(part['wape_weighted_history'])} history;"
            f" {part['coverage_80']:.0%} inside the 80 % interval"
        )
        for row in part["forecasts"]:
            lines.append(
                f"  {row['as_of'][:10]} {row['period_name']}: actual {row['actual']:,.0f},"
                f" q10 {row['q10']:,.0f}, q50 {row['q50']:,.0f}, q90 {row['q90']:,.0f},"
                f" booked + weighted {_sum(row, 'fixed')} fixed, {_sum(row, 'history')} history"
            )
    return [*lines, f"Written to {out}"]


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _sum(row: dict[str, Any], kind: str) -> str:
    weighted = row[f"weighted_pipeline_{kind}"]
    return "unknown" if weighted is None else f"{row['booked'] + weighted:,.0f}"
