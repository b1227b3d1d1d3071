"""The leakage guard: columns that seem to be written as a record closes are set aside.

A column without history shows today's value on every past snapshot. That is a leak where the
value came with the outcome. docs/leakage.md says what is looked for, and how often it errs.
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.features.facts import known_before
from closecurve.features.guard_columns import Candidate, candidates, lives_of, records_of
from closecurve.features.guard_evidence import (
    FEWEST_RECORDS,
    RARE,
    Contrast,
    Flags,
    Ints,
    Lives,
    closed_values,
    codes_of,
    past_and_now,
    ranking,
    ranking_error,
    same_age,
)
from closecurve.features.selected import SetAside
from closecurve.features.subjects import SUBJECTS, Subject
from closecurve.features.tables import HistoryTables

SURE_Z = 4.0
"""Standard errors by which open and closed records must differ: one false alarm in 30,000."""
LATER_Z = 3.0
"""The same between past and present open records: asked only of what already differs."""
LARGE_GAP = 0.5
"""Share of records by which open and closed ones differ where their past cannot tell why: half of
the fast closing ones would have to be told from the others by one column."""
LEAST_GAP = 0.15
"""The same for values that were all won or all lost: a column rarely knows that and the speed."""
LEAST_MISSING = 0.1
"""Missing on fewer open records than this says nothing."""
LEAST_CLOSED = 0.02
"""Values of the close on fewer closed records than this move no probability that anybody sees."""
DECIDING_AUC = 0.95
"""A column that ranks closes this well alone is not known beforehand in any sales team."""
HONEST_AUC = 0.9
HONEST_Z = 2.33
"""The best ranking that an honest column is trusted with; by chance one in 100 of those ranks few
closes this much better."""
SAME_DAY_SHARE = 0.5
"""Expected close dates that fall on the close, as often as this, were written there."""
MOST_EXAMPLES = 3
FEWEST_OF_EXAMPLE = 5
"""A value that fewer records have may name one of them: it is not shown."""

BY_NAME = "set aside by name in closecurve.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReport:
    """What the guard says of one column.

    `is_used` is whether a model may use it, `is_overruled` whether that was said by name in
    closecurve.toml against the finding or without one. Shares are over records of the same age and
    null, as `auc` (0.5 says nothing, 1 everything), where there are too few records to tell.
    """

    table: str
    column: str
    is_used: bool
    is_overruled: bool
    reason: str
    filled_on_open: float | None
    filled_on_closed: float | None
    auc: float | None
    examples: tuple[str, ...]

    @property
    def name(self) -> str:
        """`table.column`, by which it is overruled."""
        return f"{self.table}.{self.column}"

    def to_json(self) -> dict[str, Any]:
        """A JSON-able row of the report."""
        return {"name": self.name, **asdict(self), "examples": list(self.examples)}


def set_aside(tables: HistoryTables, cutoff: pd.Timestamp) -> list[SetAside]:
    """The columns of deals and leads that should be no features, each with the reason.

    Sorted by table and column; only what was known before the cutoff is read.
    """
    return left_out(inspect(tables, cutoff))


def left_out(reports: Iterable[ColumnReport]) -> list[SetAside]:
    """The columns that no model may use, of those reported."""
    return [
        SetAside(table=report.table, column=report.column, reason=report.reason)
        for report in reports
        if not report.is_used
    ]


def inspect(
    tables: HistoryTables,
    cutoff: pd.Timestamp,
    *,
    keep: Collection[str] = (),
    without: Collection[str] = (),
) -> list[ColumnReport]:
    """What is to be said of every column that a feature may be made of, by table and column.

    Columns named (`table.column`) in `keep` are used whatever was found, those in `without` are
    not. Only what was known before the cutoff is read. Raises UsageError for a name that is none.
    """
    known = known_before(tables, cutoff)
    found: dict[str, ColumnReport] = {}
    for subject in SUBJECTS.values():
        records = records_of(known, subject)
        lives = lives_of(records, subject)
        for candidate in candidates(known, subject, records):
            report = _report(candidate, records, lives, subject)
            # Accounts are asked for by deals and by leads: a finding of either counts.
            if candidate.name not in found or not report.is_used:
                found[candidate.name] = report
    _check_names(found, keep, without)
    told = (_overruled(report, keep, without) for report in found.values())
    return sorted(told, key=lambda report: (report.table, report.column))


def _check_names(found: Collection[str], keep: Collection[str], without: Collection[str]) -> None:
    unknown = sorted({*keep, *without} - set(found))
    both = sorted({*keep} & {*without})
    if both:
        raise UsageError(
            "features-both",
            f"a column is in features.keep or features.set_aside, got {both} in both",
        )
    if unknown:
        raise UsageError(
            "features-name",
            f"features.keep and features.set_aside name columns of {sorted(found)}, got {unknown}",
        )


def _overruled(
    report: ColumnReport, keep: Collection[str], without: Collection[str]
) -> ColumnReport:
    if report.name in without:
        return _changed(report, is_used=False, reason=BY_NAME)
    if report.name in keep and not report.is_used:
        return _changed(
            report,
            is_used=True,
            reason=f"kept by name in closecurve.toml, although {report.reason}",
        )
    return report


def _changed(report: ColumnReport, *, is_used: bool, reason: str) -> ColumnReport:
    return ColumnReport(
        **(asdict(report) | {"is_used": is_used, "is_overruled": True, "reason": reason})
    )


def _report(
    candidate: Candidate, records: pd.DataFrame, lives: Lives, subject: Subject
) -> ColumnReport:
    places = records.index.get_indexer(candidate.values.index)
    column = _Column.of(candidate, records.iloc[places], lives.at(places), subject)
    reason = column.reason()
    auc = column.auc
    return ColumnReport(
        table=candidate.table,
        column=candidate.column,
        is_used=reason is None,
        is_overruled=False,
        reason=reason or column.nothing_found(),
        filled_on_open=None if column.fill is None else round(column.fill.on_open, 4),
        filled_on_closed=None if column.fill is None else round(column.fill.on_closed, 4),
        auc=None if auc is None else round(auc, 4),
        examples=column.examples() if reason else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column beside the lives of its records, and what is counted of it once."""

    values: pd.Series
    closed_at: pd.Series
    lives: Lives
    causes: tuple[str, str]
    is_expected_close: bool
    codes: Ints
    of_close: Flags
    of_outcome: Flags
    fill: Contrast | None
    auc: float | None

    @classmethod
    def of(
        cls, candidate: Candidate, records: pd.DataFrame, lives: Lives, subject: Subject
    ) -> "_Column":
        codes = codes_of(candidate.values)
        return cls(
            values=candidate.values,
            closed_at=records["closed_at"],
            lives=lives,
            causes=subject.causes,
            is_expected_close=candidate.column == "expected_close_date",
            codes=codes,
            of_close=closed_values(codes, lives, one_sided=False),
            of_outcome=closed_values(codes, lives, one_sided=True),
            fill=same_age(candidate.values.notna().to_numpy(), lives),
            auc=_auc(codes, lives),
        )

    def reason(self) -> str | None:
        """Why the column is set aside; None where nothing speaks against it."""
        if self.is_expected_close:
            return self._same_day() or self._emptied_at_close()
        return self._filled_at_close() or self._deciding() or self._values_of_close()

    def nothing_found(self) -> str:
        """What is said of a column that is used."""
        if not self._filled.any():
            return "it holds nothing"
        if self.fill is None:
            return "too few open or closed records to compare"
        return "nothing speaks against it"

    def examples(self) -> tuple[str, ...]:
        """The most frequent values of closed records that open ones do not have, or that decide."""
        marks = (self.of_outcome, self.of_close, self.lives.is_closed)
        marked = next((mark for mark in marks if mark.any()), self.lives.is_closed)
        rows = marked & self.lives.is_closed
        if pd.api.types.is_numeric_dtype(self.values):
            return ()
        counts = (
            self.values[rows]
            .value_counts()
            .sort_index()
            .sort_values(ascending=False, kind="stable")
        )
        common = counts[counts >= FEWEST_OF_EXAMPLE].head(MOST_EXAMPLES)
        return tuple(self._example(value, int(count)) for value, count in common.items())

    def _example(self, value: object, count: int) -> str:
        rows = (self.values == value).to_numpy() & self.lives.is_closed
        won = int(self.lives.is_won[rows].sum())
        return f"{value} ({count:,} closed, {won / max(rows.sum(), 1):.0%} {self.causes[0]})"

    @property
    def _filled(self) -> Flags:
        return self.values.notna().to_numpy()

    def _filled_at_close(self) -> str | None:
        """Whether open and closed records of one age differ in whether the column is filled."""
        fill = self.fill
        if fill is None or fill.z < SURE_Z:
            return None
        only_closed = fill.on_open <= RARE * fill.on_closed
        missing_open = (
            1 - fill.on_closed <= RARE * (1 - fill.on_open) and 1 - fill.on_open >= LEAST_MISSING
        )
        if not (only_closed or missing_open) or not self._came_later(self._filled, fill):
            return None
        return (
            f"it is filled on {fill.on_closed:.0%} of closed records but on {fill.on_open:.0%} of"
            " open ones of the same age, so it seems to be written at the close"
        )

    def _emptied_at_close(self) -> str | None:
        """Whether closed records lack what open ones of the same age have."""
        found = self._stand_on_closed(~self._filled, LARGE_GAP, LARGE_GAP)
        if found is None:
            return None
        return (
            f"it is missing on {found.on_closed:.0%} of closed records but on {found.on_open:.0%}"
            " of open ones of the same age, so it seems to be emptied at the close"
        )

    def _values_of_close(self) -> str | None:
        """Whether open records lack values (or null) that closed ones have.

        Those of won, or of lost, records alone; or values that most closed records have. An owner
        who has nothing open now is neither.
        """
        restated = self._stand_on_closed(self.of_outcome, LEAST_CLOSED, LEAST_GAP)
        if restated:
            return _told_values("of one outcome alone ", restated)
        found = self._stand_on_closed(self.of_close, LARGE_GAP, LARGE_GAP)
        return _told_values("", found) if found else None

    def _stand_on_closed(self, flags: Flags, least: float, gap: float) -> Contrast | None:
        found = same_age(flags, self.lives)
        if found is None or found.z < SURE_Z or found.on_closed < least:
            return None
        is_rare = found.on_open <= RARE * found.on_closed
        return found if is_rare and self._came_later(flags, found, gap) else None

    def _came_later(self, flags: Flags, seen: Contrast, gap: float = LARGE_GAP) -> bool:
        """Whether today's open records have it more rarely than past ones seem to have had it.

        They do not where records that have it only close faster: past ones did too. Where too few
        are open at the age of closing to tell, the difference itself has to be a `gap`.
        """
        found = past_and_now(flags, self.lives)
        if found is None or found.most_z < LATER_Z:
            return seen.on_closed - seen.on_open >= gap
        return found.z >= LATER_Z

    def _deciding(self) -> str | None:
        """Whether the value, or its absence, ranks closed records almost without error."""
        if self.auc is None:
            return None
        won = int(self.lives.is_won.sum())
        lost = int(self.lives.is_closed.sum()) - won
        chance = HONEST_AUC + HONEST_Z * ranking_error(HONEST_AUC, won, lost)
        if self.auc < max(DECIDING_AUC, min(chance, 1.0)):
            return None
        return (
            f"it alone tells {self.causes[0]} from {self.causes[1]} records (AUC {self.auc:.2f}),"
            " so it seems to be written at the close"
        )

    def _same_day(self) -> str | None:
        expected = pd.to_datetime(self.values, errors="coerce", format="ISO8601")
        off = (expected - self.closed_at.dt.normalize()).dt.days.dropna().abs()
        share = float((off <= 1).mean()) if len(off) >= FEWEST_RECORDS else 0.0
        if share < SAME_DAY_SHARE:
            return None
        return (
            f"it lies within a day of the close on {share:.0%} of closed records, so it seems to be"
            " overwritten at the close"
        )


def _told_values(which: str, found: Contrast) -> str:
    return (
        f"it has values {which}that stand on {found.on_closed:.0%} of closed records and on"
        f" {found.on_open:.1%} of open ones of the same age, so they seem to be written at the"
        " close"
    )


def _auc(codes: Ints, lives: Lives) -> float | None:
    won = lives.is_won[lives.is_closed]
    if min(won.sum(), np.count_nonzero(~won)) < FEWEST_RECORDS:
        return None
    return ranking(codes[lives.is_closed], won)
