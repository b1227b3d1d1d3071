"""Targets as the API and the page tell them: what is reached, who carries what, the pace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closecurve.models.targets.reach import amount_reached, probability_reached
from closecurve.serving.forecasts import COMPANY, LEVELS, read_rows
from closecurve.serving.problems import Problem
from closecurve.stores.results import PublicationHead, ResultsStore

Row = Mapping[str, Any]
PERIOD_KINDS = ("month", "quarter", "half", "year")
READINGS_SHOWN = 100

TARGET_COLUMNS = (
    "scope_kind", "scope", "booked", "target", "target_probability", "attainment_rate",
    "expected_attainment_rate", "missing_amount", "suggested_amount", "suggested_probability",
    "reached_amount", "share", "share_history", "share_pipeline", "share_capacity",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which period is asked about, by its name (None: the running quarter), how sure to be, and
    the company's amount to split (None: what it reaches with that probability)."""

    period_name: str | None = None
    probability: float = 0.8
    amount: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The answer for one period: `items` company first, then by kind and name."""

    period: Row
    period_names: Sequence[str]
    question: Question
    amount: float
    weights: Mapping[str, float]
    weights_from: int
    pace: Row
    items: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How an amount is shared out: what is booked stays where it is, the rest goes by share."""

    amount: float
    booked: float

    def of(self, booked: float, share: float) -> float:
        """The part of a scope with that much booked; a part of it where all is booked already."""
        if self.amount < self.booked:
            return booked * self.amount / self.booked
        return booked + share * (self.amount - self.booked)


def read_targets(results: ResultsStore, head: PublicationHead, question: Question) -> Targets:
    """The targets of one publication. Raises Problem `not-found` for a period without forecast."""
    rows = [row for kind in PERIOD_KINDS for row in read_rows(results, head, period_kind=kind)]
    whole = {row["period_name"]: row for row in rows if row["scope_kind"] == COMPANY}
    name = question.period_name or _running(head, whole)
    if name not in whole:
        raise Problem("not-found")
    said = head.summary.get("targets") or {}
    pace = (said.get("pace") or {}).get(name) or {}
    company = whole[name]
    amount = question.amount
    if amount is None:
        amount = _reached(company, question.probability)
    shares = _shares(results, head, name)
    part_of = Part(amount=amount, booked=company["booked"])
    return Targets(
        period=company,
        period_names=list(whole),
        question=question,
        amount=amount,
        weights=said.get("weights") or {},
        weights_from=said.get("weights_from") or 0,
        pace=pace,
        items=[
            _item(row, shares.get((row["scope_kind"], row["scope"])), part_of, question, pace)
            for row in _in_order(rows, name, shares)
        ],
    )


def read_readings(
    results: ResultsStore, head: PublicationHead, scope_kind: str, scope: str, period: Row
) -> list[dict[str, Any]]:
    """How the forecast of a period and its chance of the target moved, oldest first."""
    heads = [h for h in results.publications(READINGS_SHOWN) if h.as_of <= head.as_of]
    found = []
    for earlier in sorted(heads, key=lambda h: (h.as_of, h.publication_id)):
        rows = read_rows(
            results,
            earlier,
            period_kind=period["period_kind"],
            scope_kind=scope_kind,
            scope=scope,
        )
        found += [
            {name: row[name] for name in ("booked", "target", "target_probability", *LEVELS)}
            | {"as_of": earlier.as_of, "publication_id": earlier.publication_id}
            for row in rows
            if row["period_name"] == period["period_name"]
        ]
    return found


def _running(head: PublicationHead, whole: Mapping[str, Row]) -> str:
    quarters = [quarter["name"] for quarter in head.summary.get("quarters") or []]
    return next((name for name in quarters if name in whole), next(iter(whole), ""))


def _shares(
    results: ResultsStore, head: PublicationHead, name: str
) -> dict[tuple[str, str], dict[str, Any]]:
    rows = results.rows(head.publication_id, "target_shares")
    return {(row["scope_kind"], row["scope"]): row for row in rows if row["period_name"] == name}


def _in_order(rows: Sequence[Row], name: str, shares: Mapping[tuple[str, str], Row]) -> list[Row]:
    """The company, then the scopes that carry a part or have a target of their own."""
    chosen = [row for row in rows if row["period_name"] == name]
    told = [
        row
        for row in chosen
        if (row["scope_kind"], row["scope"]) in shares or row["target"] is not None
    ]
    company = [row for row in chosen if row["scope_kind"] == COMPANY]
    others = [row for row in told if row["scope_kind"] != COMPANY]
    kinds = ("region", "team", "manager", "owner", "product")
    return company + sorted(others, key=lambda row: (kinds.index(row["scope_kind"]), row["scope"]))


def _item(
    row: Row, share: Row | None, part_of: Part, question: Question, pace: Row
) -> dict[str, Any]:
    """One scope: its own target and where it stands, and its part of the amount."""
    is_company = row["scope_kind"] == COMPANY
    part = 1.0 if is_company else None if share is None else share["share"]
    suggested = None if part is None else part_of.of(row["booked"], part)
    target, usual = row["target"], pace.get("usual")
    return {
        **{name: row[name] for name in ("scope_kind", "scope", "booked", "target")},
        "target_probability": row["target_probability"],
        "attainment_rate": row["booked"] / target if target else None,
        "expected_attainment_rate": usual if target else None,
        "missing_amount": max(target - row["booked"], 0.0) if target else None,
        "suggested_amount": suggested,
        "suggested_probability": _probability(row, suggested),
        "reached_amount": _reached(row, question.probability),
        "share": part,
        **{
            f"share_{basis}": None if share is None else share[f"share_{basis}"]
            for basis in ("history", "pipeline", "capacity")
        },
    }


def _reached(row: Row, probability: float) -> float:
    quantiles = [[row[name] for name in LEVELS]]
    return float(amount_reached(quantiles, list(LEVELS.values()), probability)[0])


def _probability(row: Row, amount: float | None) -> float | None:
    if amount is None:
        return None
    if amount <= row["booked"]:
        return 1.0
    quantiles = [[row[name] for name in LEVELS]]
    return float(probability_reached(quantiles, list(LEVELS.values()), [amount])[0])
