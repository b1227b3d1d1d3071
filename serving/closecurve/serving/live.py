"""Scoring a posted record with the sealed model of the last publication, as the night would have.

The one place where the service meets features and models. Both are imported with the first posted
record: the service starts without them. Owner, account and stage facts are those of the
publication; what is posted is looked at strictly before the as-of.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from closecurve.models.explanation.words import Wording, explained
from closecurve.models.reading import Readings, read_curves
from closecurve.serving.problems import Problem
from closecurve.serving.schemas.common import naive_utc
from closecurve.serving.schemas.deals import DealScore, DealToScore, PostedRecord
from closecurve.serving.schemas.leads import LeadScore, LeadToScore
from closecurve.stores.results import PublicationHead, ResultsStore

if TYPE_CHECKING:
    from closecurve.features.records import Context
    from closecurve.models.close_curve.rows import CurveRows
    from closecurve.serving.bundles import Bundle, SubjectModel

CLOCK_SKEW = pd.Timedelta(minutes=5)
"""A sender's clock may be ahead of ours by so much; a record made "now" is then not refused."""
ARRIVAL = pd.Timedelta(microseconds=1)
"""A record is first known right after its creation."""
QUANTILES = (0.1, 0.5, 0.9)
"""The shares of a won curve whose days are told."""
COMPANY_OWNER = "(company)"
"""The owner id under which a publication keeps the facts of the whole company."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Opened:
    """What scoring against one publication needs, kept from one request to the next."""

    publication_id: int
    bundle: "Bundle"
    context: "Context"


class Scorers:
    """Scores posted deals and leads; opens a publication's bundle once, also under many threads."""

    def __init__(self, *, results: ResultsStore, bundles_dir: Path) -> None:
        self._results = results
        self._bundles_dir = bundles_dir
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    def score_deal(
        self, head: PublicationHead, posted: DealToScore, now: pd.Timestamp, words: Wording
    ) -> DealScore:
        """The score of a posted deal at its as-of (`now` where it names none).

        Raises Problem: created-after-as-of, as-of-in-future, record-refused, model-absent;
        EnvironmentFailure: model-unavailable.
        """
        from closecurve.features.reference import deal_snapshot_of
        from closecurve.serving.posted import deal_record

        as_of = _as_of(posted, now)
        opened, model, context = self._surroundings(head, "deal", posted, as_of)
        process = _process_name(opened.bundle, posted, context)
        account = context.accounts.get(posted.account_id or "")
        part = opened.bundle.selection.deals
        record = deal_record(posted, process, part, account)
        row = deal_snapshot_of(record, context, as_of, opened.bundle.selection)
        seen = model.curve.row(row)
        reading = read_curves(model.curve, seen, as_of, opened.bundle.calendar)
        first, median, last = (dates[0] for dates in reading.dates_passed(QUANTILES))
        low, high = _interval(model, reading, seen)
        return DealScore.model_validate(
            _score(head, head.deal_model_version, reading)
            | explained(_reasons(model, row, seen), words)
            | {
                "win_probability_low": low,
                "win_probability_high": high,
                "win_probability_eventual": float(reading.won_eventual[0]),
                "win_probability_quarter": float(reading.won_in_quarter()[0]),
                "win_probability_30": float(reading.won_within(30)[0]),
                "loss_probability_eventual": float(reading.lost_eventual[0]),
                "stall_probability": _stall_probability(opened.bundle, row),
                "close_q10_date": first,
                "close_q50_date": median,
                "close_q90_date": last,
            }
        )

    def score_lead(
        self, head: PublicationHead, posted: LeadToScore, now: pd.Timestamp, words: Wording
    ) -> LeadScore:
        """The score and grade of a posted lead; see `score_deal`."""
        from closecurve.features.reference import lead_snapshot_of
        from closecurve.serving.judged import judged_lead
        from closecurve.serving.posted import lead_record

        as_of = _as_of(posted, now)
        opened, model, context = self._surroundings(head, "lead", posted, as_of)
        account = context.accounts.get(posted.account_id or "")
        bundle = opened.bundle
        record = lead_record(posted, bundle.selection.leads, account)
        row = lead_snapshot_of(record, context, as_of, bundle.selection)
        seen = model.curve.row(row)
        reading = read_curves(model.curve, seen, as_of, bundle.calendar)
        reasons = _reasons(model, row, seen)
        probability = float(reading.won_eventual[0])
        low, high = _interval(model, reading, seen)
        return LeadScore.model_validate(
            _score(head, head.lead_model_version, reading)
            | explained(reasons, words)
            | judged_lead(head, bundle, context, row, probability, reasons)
            | {
                "conversion_probability_eventual": probability,
                "conversion_probability_low": low,
                "conversion_probability_high": high,
                "conversion_probability_quarter": float(reading.won_in_quarter()[0]),
                "conversion_probability_30": float(reading.won_within(30)[0]),
                "conversion_probability_90": float(reading.won_within(90)[0]),
                "disqualification_probability_eventual": float(reading.lost_eventual[0]),
            }
        )

    def _surroundings(
        self, head: PublicationHead, subject: str, posted: PostedRecord, as_of: pd.Timestamp
    ) -> "tuple[_Opened, SubjectModel, Context]":
        opened = self._open(head)
        model = opened.bundle.models.get(subject)
        if model is None:
            raise Problem("model-absent")
        accounts: dict[str, Any] = {}
        if posted.account_id is not None:
            facts = self._results.account_facts(head.publication_id, posted.account_id)
            accounts = {} if facts is None else {posted.account_id: facts}
        return opened, model, replace(opened.context, as_of=as_of, accounts=accounts)

    def _open(self, head: PublicationHead) -> _Opened:
        with self._lock:
            if self._opened is None or self._opened.publication_id != head.publication_id:
                self._opened = self._opened_for(head)
            return self._opened

    def _opened_for(self, head: PublicationHead) -> _Opened:
        from closecurve.features.records import Context
        from closecurve.serving.bundles import open_bundle

        bundle = open_bundle(self._bundles_dir, head.bundle_digest)
        owners = self._results.owner_facts(head.publication_id)
        context = Context.from_frames(
            head.as_of,
            owner_facts=[_owner(row) for row in owners],
            stages=bundle.stages,
            **head.summary.get("live", {}),
        )
        return _Opened(publication_id=head.publication_id, bundle=bundle, context=context)


def _owner(row: dict[str, Any]) -> dict[str, Any]:
    """The facts of an owner as features know them: the company is owner None."""
    return row | {"owner_id": None} if row["owner_id"] == COMPANY_OWNER else row


def _as_of(posted: PostedRecord, now: pd.Timestamp) -> pd.Timestamp:
    """The instant that the record is scored as of: its own, else now."""
    created_at = naive_utc(posted.created_at)
    if posted.as_of is None:
        as_of = max(now, created_at + ARRIVAL) if created_at <= now + CLOCK_SKEW else now
    else:
        as_of = naive_utc(posted.as_of)
        if as_of > now + CLOCK_SKEW:
            raise Problem("as-of-in-future")
    if created_at >= as_of:
        raise Problem("created-after-as-of")
    return as_of


def _process_name(bundle: "Bundle", posted: DealToScore, context: "Context") -> str:
    """The deal's process: the only one where it names none."""
    name = bundle.processes[0].name if posted.process is None else posted.process
    is_ambiguous = posted.process is None and len(bundle.processes) > 1
    currencies = {None, bundle.selection.company_currency, *context.rates}
    if (
        is_ambiguous
        or (name, posted.stage) not in context.stage_orders
        or posted.currency not in currencies
    ):
        raise Problem("record-refused")
    return name


def _score(
    head: PublicationHead,
    version: str | None,
    reading: Readings,
) -> dict[str, Any]:
    """What the score of a deal and that of a lead have in common."""
    return {
        "publication_id": head.publication_id,
        "as_of": reading.as_of,
        "model_version": version or "",
        "quarter_name": reading.quarter.name,
        "quarter_end_date": reading.quarter.end_date - pd.Timedelta(days=1),
        "curve": reading.curves()[0],
    }


def _reasons(
    model: "SubjectModel", row: Mapping[str, Any], seen: "CurveRows"
) -> dict[str, Any] | None:
    """The explanation of a snapshot, as the night stores it."""
    found = model.explainer.explain_record(row, seen, row["as_of"])
    return None if found is None else found.to_json()


def _stall_probability(bundle: "Bundle", row: Mapping[str, Any]) -> float | None:
    """That the deal stands still; None where the bundle has no stall model."""
    return None if bundle.stalls is None else bundle.stalls.stall_probability_of(row)


def _interval(
    model: "SubjectModel", reading: Readings, seen: "CurveRows"
) -> tuple[float | None, float | None]:
    """The interval of the eventual probability; None where the bundle learned none."""
    if model.uncertainty is None:
        return None, None
    low, high = model.uncertainty.bounds(reading.won_eventual, seen)
    return float(low[0]), float(high[0])
