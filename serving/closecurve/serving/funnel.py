"""What API and page read of the funnel: rows of one publication, beside their declarations."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from closecurve.models.funnel.declared import METRICS
from closecurve.stores.results import PublicationHead, ResultsStore

Row = dict[str, Any]
EVERY = "(all)"
YEAR = "last 365 days"
YEAR_DAYS = 365
COMPANY = "company"

METRIC_COLUMNS = (
    *("scope_kind", "scope", "process", "period", "period_start", "period_end", "stage"),
    *("metric", "title", "unit", "better", "value", "low", "high", "count"),
)
INTERVALS = {"conversion_rate": "conversion"}
"""Where the bounds of a stage's metric do not begin with its own name."""
COUNTS = {"conversion_rate": "decided_count"}
"""What a stage's metric rests on; else the deals that entered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose funnel is asked for: a part of the company, and one process or (None) all."""

    kind: str = COMPANY
    name: str = COMPANY
    process: str | None = None

    @property
    def filters(self) -> dict[str, str | None]:
        """As readers of the results take it."""
        return {"scope_kind": self.kind, "scope": self.name, "process": self.process}

    def of_all(self, process: str | None) -> dict[str, str | None]:
        """The same scope with another process."""
        return {**self.filters, "process": process}


def read_stages(results: ResultsStore, head: PublicationHead, scope: Scope) -> list[Row]:
    """The stages of a scope, by process and order."""
    rows = results.funnel(head.publication_id, scope.kind, scope.name)
    return [row for row in rows if scope.process in (None, row["process"])]


def read_metrics(
    results: ResultsStore, head: PublicationHead, scope: Scope, period: str | None = None
) -> list[Row]:
    """The metrics of a scope beside what is declared of each, by period and metric.

    Those of stages over the year come from the funnel itself. With a process, also what is of all
    processes together.
    """
    stages = read_stages(results, head, scope)
    year = [row for stage in stages for row in _of_stage(stage, head)]
    stored = results.rows(head.publication_id, "funnel_metrics", scope.of_all(None))
    kept = [row for row in stored if scope.process in (None, row["process"]) or _is_all(row)]
    rows = [row for row in (*kept, *year) if period in (None, row["period"])]
    return sorted(map(_declared, rows), key=_place)


def _is_all(row: Mapping[str, Any]) -> bool:
    return bool(row["process"] == EVERY)


def _of_stage(stage: Mapping[str, Any], head: PublicationHead) -> list[Row]:
    """A stage's metrics of the year, one row each; what is not known is left out."""
    end = head.as_of.date()
    start = (head.as_of - pd.Timedelta(days=YEAR_DAYS)).date()
    named = {key: stage[key] for key in ("scope_kind", "scope", "process", "stage")}
    period = {"period": YEAR, "period_start": start, "period_end": end}
    return [
        {**named, **period, "metric": name, "value": float(stage[name])}
        | {"count": stage[COUNTS.get(name, "entered_count")] if metric.interval else None}
        | {end: stage.get(f"{INTERVALS.get(name, name)}_{end}") for end in ("low", "high")}
        for name, metric in METRICS.items()
        if metric.of == "stage" and stage[name] is not None
    ]


def _declared(row: Mapping[str, Any]) -> Row:
    declared = asdict(METRICS[row["metric"]])
    return {**row, **{name: declared[name] for name in ("title", "unit", "better")}}


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["period_start"], row["process"], list(METRICS).index(row["metric"]), row["stage"])


def read_leaks(results: ResultsStore, head: PublicationHead, scope: Scope) -> list[Row]:
    """Every stage that was compared; leaks first, the largest in money before the others."""
    rows = results.rows(head.publication_id, "funnel_leaks", scope.filters)
    return sorted(
        rows,
        key=lambda row: (
            not row["is_leak"],
            -(row["lost_money"] or 0.0) if row["is_leak"] else 0.0,
            row["process"],
            row["against"],
            row["stage_order"],
        ),
    )


def read_losses(results: ResultsStore, head: PublicationHead, scope: Scope) -> list[Row]:
    """The losses of a scope by dimension, the most frequent value first."""
    process = EVERY if scope.process is None else scope.process
    filters = scope.of_all(process)
    rows = results.rows(head.publication_id, "funnel_losses", filters)
    if not rows and process != EVERY:
        rows = results.rows(head.publication_id, "funnel_losses", scope.of_all(EVERY))
    return sorted(rows, key=lambda row: (row["dimension"], -row["lost_count"], row["value"]))


def read_season(results: ResultsStore, head: PublicationHead, scope: Scope) -> list[Row]:
    """The season of a scope; owners have none, the company's is not theirs."""
    filters = {"scope_kind": scope.kind, "scope": scope.name}
    return results.rows(head.publication_id, "seasons", filters)


def month_rows(seasons: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The months of seasons, one row each."""
    return [
        {"scope_kind": row["scope_kind"], "scope": row["scope"], **month}
        for row in seasons
        for month in row["months"]
    ]
