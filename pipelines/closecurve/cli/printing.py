"""What the commands print: lines that a manager understands."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from closecurve.features.data_quality import Finding
from closecurve.models.explanation.words import Wording, told
from closecurve.models.track_record.words import failure_words
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


def import_lines(report: ImportReport, findings: Sequence[Finding] = ()) -> list[str]:
    """Rows read and set aside by table, where the report lies, what changed, how good it is."""
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
    changes = [line for change in report.changes for line in change.sentences()]
    lines += [f"Since the import before: {line}." for line in changes]
    if report.other_mapping:
        lines.append(
            "The mapping or the stages changed since then. What was known stays as it was:"
            " closecurve import --afresh reads all of it anew."
        )
    return [*lines, *(f"Data: {finding.sentence}" for finding in findings[:SHOWN_ROWS])]


def import_document(report: ImportReport, findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """The same for machines."""
    return {
        "history_id": report.history_id,
        "is_new": report.is_new,
        "data_until": report.data_until.isoformat(),
        "tables": {t.table: {"read": t.read, "set_aside": t.set_aside} for t in report.tables},
        "rules": {str(k): int(v) for k, v in report.rejected["rule"].value_counts().items()},
        "report": str(report.report_path),
        "changes": {c.table: asdict(c) for c in report.changes},
        "other_mapping": report.other_mapping,
        "data_quality": [finding.to_json() for finding in findings],
    }


def training_lines(reports: dict[str, Any]) -> list[str]:
    """How each curve did on held-back time, and what was set aside."""
    lines = []
    for subject, report in _known(reports).items():
        lines.append(
            f"{subject.capitalize()}s: {report['ids']:,} known, {report['closed']:,} closed."
            f" {report['finding']}"
        )
        if report["tuning"] is not None:
            lines.append(_tuned(report["tuning"]))
    return lines + leakage_lines(reports)


def _tuned(tuning: dict[str, Any]) -> str:
    """What a tuning tried, and what came of it."""
    if not tuning["tried"]:
        return "  Tuning: the history is too short to try settings on."
    tried = f"  Tuning: {len(tuning['tried'])} settings tried"
    if tuning["left_out"]:
        tried += f", {tuning['left_out']} left out for lack of time"
    best = tuning["best"]
    if not best["candidate"]:
        return f"{tried}; none is better than the defaults by more than its error."
    named = ", ".join(f"{name} {value}" for name, value in best["candidate"].items())
    gained = f"log loss lower by {best['gap']:.4f}, its error {best['standard_error']:.4f}"
    return f"{tried}; best: {named} ({gained})."


def _known(reports: dict[str, Any]) -> dict[str, Any]:
    """The reports of what there is: a company may have leads only, or neither yet."""
    return {name: it for name, it in reports.items() if it["ids"]} or reports


def leakage_lines(reports: dict[str, Any]) -> list[str]:
    """Which columns the models do without, and which they use against the guard, and why."""
    columns = {row["name"]: row for report in reports.values() for row in report["columns"]}
    lines = [
        f"{'Used' if row['is_used'] else 'Set aside'}: {name}: {row['reason']}."
        for name, row in columns.items()
        if row["is_overruled"] or not row["is_used"]
    ]
    if lines:
        lines.append("To overrule: [features] keep and set_aside in closecurve.toml.")
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
        *(_of_deals(published) if summary["rows"]["deals"] else ["No deals: leads only."]),
        *_leads(publication.lead_scores, summary),
        *(f"How far to trust it: {r['finding']}" for r in _known(summary["models"]).values()),
    ]


def _of_deals(published: Published) -> Iterator[str]:
    publication, summary = published.publication, published.summary
    yield from _quarters(publication.forecasts, summary["currency"])
    yield from _deals(publication.deal_scores, summary)
    yield from _stalls(summary)


def _quarters(forecasts: pd.DataFrame, currency: str) -> Iterator[str]:
    for _, row in forecasts[forecasts["scope_kind"] == "company"].iterrows():
        low, mid, high = (money(row[name], currency) for name in ("q10", "q50", "q90"))
        yield f"{row['period_name']}: {mid} likely, {low} to {high} in 8 of 10 cases"
        parts = (money(row[name], currency) for name in ("booked", "open_mean", "new_mean"))
        yield "  booked {}, from open deals {}, from deals not created yet {}".format(*parts)
        if pd.notna(row["target"]):
            target, chance = money(row["target"], currency), row["target_probability"]
            yield f"  target {target}: {_percent(chance)} likely to be reached"
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
        why = _why(row["reasons"], "deal", summary)
        yield (
            f"  {row['deal_id']:<12} {row['stage'] or '':<16} {amount:>12}"
            f" {row['win_probability_quarter']:>5.0%}  {why}"
        )


def _stalls(summary: dict[str, Any]) -> Iterator[str]:
    """How many deals are flagged, the money in them, and how often flags were right."""
    stalls = summary["stalls"]
    if not stalls:
        yield "Stalled: unknown, closecurve train makes the model."
        return
    flagged, whole = (
        money(stalls[name], summary["currency"]) for name in ("flagged_amount", "open_amount")
    )
    yield f"Stalled: {stalls['flagged_count']:,} deals flagged, {flagged} of {whole} open."
    right = stalls["report"].get("flags", {}).get("flagged_stalled_rate")
    if right is not None:
        others = stalls["report"]["flags"]["other_stalled_rate"]
        yield (
            f"  On held-back time {right:.0%} of those flagged stalled, {others:.0%} of the others."
        )


def _why(published: Any, subject: str, summary: dict[str, Any]) -> str:
    """The sentence of the strongest reason; empty where there is none."""
    reasons = told(published, Wording(subject=subject, currency=summary["currency"]))
    return str(reasons[0]["sentence"]) if reasons else ""


def _leads(scores: pd.DataFrame, summary: dict[str, Any]) -> Iterator[str]:
    if scores.empty:
        yield "Leads: none open."
        return
    grades = summary["grades"]
    counted = ", ".join(f"{letter} {grades.get(letter, 0)}" for letter in "ABCD")
    overdue = summary["overdue_leads"]
    yield f"Open leads: {summary['open_leads']:,} ({counted}), {overdue} overdue. First to answer:"
    for _, row in scores.nsmallest(SHOWN_ROWS, "queue_rank").iterrows():
        why = _why(row["reasons"], "lead", summary)
        amount = row["expected_amount"]
        worth = "" if pd.isna(amount) else money(amount, summary["currency"])
        yield (
            f"  {row['lead_id']:<12} {row['grade']}  {_deadline(row)}"
            f" {row['conversion_probability_eventual']:>5.0%} {worth:>10}  {why}"
        )


def _deadline(lead: pd.Series) -> str:
    """What a lead is held to: the first answer, then the follow-up."""
    due_at = lead["follow_up_due_at"]
    if pd.isna(due_at):
        return f"answer by    {lead['response_due_at']:%Y-%m-%d %H:%M} UTC"
    return f"follow up by {due_at:%Y-%m-%d %H:%M} UTC"


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


def record_lines(metrics: dict[str, Any], out: Path) -> list[str]:
    """The track record of the company beside its peers, and every interval that failed."""
    company = next(score for score in metrics["scores"] if score["lead"] == "all")
    held = ", ".join(f"{part['level']} % {part['share']:.0%}" for part in company["coverage"])
    lines = [
        f"{company['origin_count']} origins in {company['quarter_count']} quarters,"
        f" {metrics['quarters'][0]} to {metrics['quarters'][-1]}",
        f"the company: WAPE {_share(company['wape'])}, bias {_share(company['bias'])};"
        f" intervals held: {held}",
    ]
    lines += [
        f"  {metrics['peers'][name]}: WAPE {_share(peer['wape'])},"
        f" the forecast {_share(peer['own_wape'])} on the same {peer['origin_count']} origins"
        for name, peer in company["peers"].items()
    ]
    lines += [failure_words(failure) for failure in metrics["failures"]]
    return [*lines, f"Written to {out}"]


def _percent(chance: float) -> str:
    """What is not quite none or all never reads as it."""
    shown = f"{chance:.0%}"
    return (
        {"0%": "less than 1%", "100%": "more than 99%"}.get(shown, shown)
        if 0 < chance < 1
        else shown
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _sum(row: dict[str, Any], kind: str) -> str:
    weighted = row[f"weighted_pipeline_{kind}"]
    return "unknown" if weighted is None else f"{row['booked'] + weighted:,.0f}"
