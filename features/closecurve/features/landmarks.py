"""The as-ofs of a training panel, spaced by the data's own cycle."""

import math

import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.features.facts import known_before
from closecurve.features.snapshot import open_deals, open_leads
from closecurve.features.subjects import DEAL, SUBJECTS, Subject
from closecurve.features.tables import HistoryTables
from closecurve.features.timeline import days_between, field_spans, known_records

SPACINGS = (1, 2, 3, 5, 7, 14, 28, 56)
"""Days between as-ofs that are chosen from: a week and its multiples, or a fraction of it."""
LANDMARKS_PER_CYCLE = 8
"""A 60-day cycle is seen weekly: denser landmarks repeat each other, wider ones lose closes."""
FEWEST_LANDMARKS = 12
"""As-ofs that are kept whatever they cost, where the history has them."""
DEFAULT_CYCLE_DAYS = 60.0
"""The cycle of a history without a close that took a day."""
ENOUGH_DAYS = 1460
"""Window that a budget does not cut before the landmarks are spaced wider: deals that were never
seen teach more than more landmarks of the same ones (benchmarks/calibration.py)."""


def landmark_as_ofs(
    tables: HistoryTables,
    cutoff: pd.Timestamp,
    *,
    subject: str = "deal",
    most_rows: int = 60_000,
) -> list[pd.Timestamp]:
    """Midnights (UTC) before the cutoff, oldest first; empty for an empty history.

    They reach back to the first day after the first record, a cycle's eighth apart (a day at the
    finest, see `spacing_days`). Where that is more than `most_rows` pairs of an open record and an
    as-of, they are spaced wider as long as the window would be under four years, then the oldest
    are left out, down to `FEWEST_LANDMARKS`. Only what was known before the cutoff is read.
    Raises UsageError for another subject or a budget under 1.
    """
    if subject not in SUBJECTS:
        raise UsageError(
            "subject-unknown", f"a subject is one of {sorted(SUBJECTS)}, got {subject!r}"
        )
    if most_rows < 1:
        raise UsageError("landmark-rows", f"most_rows is 1 or more, got {most_rows!r}")
    known, kind = known_before(tables, cutoff), SUBJECTS[subject]
    first = known_records(known, kind).created_at.min().execute()
    if pd.isna(first):
        return []
    kept: list[pd.Timestamp] = []
    for days in _spacings(known, kind):
        every = _midnights(pd.Timestamp(first), cutoff, days)
        kept = _affordable(known, kind, every, most_rows)
        if len(kept) == len(every) or len(kept) * days >= ENOUGH_DAYS:
            break
    return kept[::-1]


def spacing_days(tables: HistoryTables, subject: Subject) -> int:
    """Days between as-ofs: the one of `SPACINGS` nearest to an eighth of the median cycle.

    Closes within a day are left out: no midnight saw most of them open.
    """
    ends = field_spans(tables, subject, "outcome")
    shut = ends.filter(ends.new_value.isin(subject.causes))
    records = subject.records(tables).select(subject.id_column, "created_at")
    cycle = shut.join(records, subject.id_column)
    days = days_between(cycle.created_at, cycle.event_at)
    median = days.median(where=days >= 1).execute()
    wanted = (DEFAULT_CYCLE_DAYS if pd.isna(median) else median) / LANDMARKS_PER_CYCLE
    return min(SPACINGS, key=lambda days: abs(math.log(days / wanted)))


def _spacings(tables: HistoryTables, subject: Subject) -> tuple[int, ...]:
    """The spacing of the data's own cycle, and up to two wider ones."""
    finest = SPACINGS.index(spacing_days(tables, subject))
    return SPACINGS[finest : finest + 3]


def _midnights(first: pd.Timestamp, cutoff: pd.Timestamp, days: int) -> list[pd.Timestamp]:
    """Midnights from the last one before the cutoff back to the first record, newest first."""
    newest = (cutoff - pd.Timedelta(microseconds=1)).normalize()
    count = max((newest - first) // pd.Timedelta(days=days) + 1, 0)
    return [newest - pd.Timedelta(days=days * i) for i in range(count)]


def _affordable(
    tables: HistoryTables, subject: Subject, newest_first: list[pd.Timestamp], most_rows: int
) -> list[pd.Timestamp]:
    """As many of the newest as the budget holds, or the fewest that are always kept."""
    cohort = (open_deals if subject is DEAL else open_leads)(tables, newest_first)
    counts = cohort.group_by("as_of").aggregate(n=cohort.count()).execute()
    by_instant = counts.set_index("as_of")["n"].reindex(newest_first, fill_value=0)
    afforded = int((by_instant.cumsum() <= most_rows).sum())
    return newest_first[: max(afforded, FEWEST_LANDMARKS)]
