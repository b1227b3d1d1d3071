"""Held-back time: what was known then, what can be asked, and the error of a gap."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.models.held_back import (
    Answers,
    Gap,
    Part,
    answers,
    askable,
    gap_of,
    integrated_brier,
    known_before,
    landmarks_from,
    questions,
    score_table,
)

START = pd.Timestamp("2026-03-01")
CUTOFF = pd.Timestamp("2026-05-01")


def part_of(rows: list[tuple[str, str, int, float]]) -> Part:
    """A part from (deal, as-of, event, days)."""
    frame = pd.DataFrame(rows, columns=["deal_id", "as_of", "event", "duration_days"])
    frame["as_of"] = pd.to_datetime(frame["as_of"]).astype("datetime64[us]")
    return Part(rows=frame[["deal_id", "as_of"]], labels=frame[["event", "duration_days"]])


PART = part_of(
    [
        ("a", "2026-02-01", 1, 10.0),
        ("b", "2026-02-01", 2, 28.0),
        ("c", "2026-02-01", 1, 80.0),
        ("d", "2026-03-01", 1, 5.0),
        ("e", "2026-04-20", 0, 11.0),
    ]
)


def test_what_closed_later_was_open_then() -> None:
    early = known_before(PART, START)
    assert early.labels["event"].tolist() == [1, 0, 0]
    assert early.labels["duration_days"].tolist() == [10.0, 28.0, 28.0]


def test_what_was_known_then_is_not_changed_by_what_came_after() -> None:
    later = part_of([("c", "2026-02-01", 2, 40.0)])
    changed = Part(
        rows=PART.rows,
        labels=pd.concat([PART.labels[:2], later.labels, PART.labels[3:]], ignore_index=True),
    )
    before, after = known_before(PART, START).labels, known_before(changed, START).labels
    pd.testing.assert_frame_equal(before, after)


def test_landmarks_at_the_start_are_held_back() -> None:
    assert landmarks_from(PART, START).rows["deal_id"].tolist() == ["d", "e"]


def test_of_many_landmarks_those_of_spread_as_ofs_are_scored(company: Any) -> None:
    whole = Part(rows=company.rows, labels=company.labels)
    start = company.rows["as_of"].min()
    some = landmarks_from(whole, start, most=len(whole) // 3)
    assert len(some) <= len(whole) / 3 * 1.2
    assert some.rows["as_of"].nunique() > 5
    kept = some.rows["as_of"].drop_duplicates().sort_values()
    assert kept.diff().max() < pd.Timedelta(days=60)


def many(count: int = 120) -> Part:
    """Landmarks of one as-of, half of them won after 5 days, the others still open."""
    return part_of([(str(i), "2026-04-01", i % 2, 5.0 if i % 2 else 30.0) for i in range(count)])


def test_a_horizon_is_asked_where_enough_landmarks_were_watched_to_it() -> None:
    asked = questions(many(), CUTOFF, [7, 30, 31])
    assert [(q.name, q.horizon_days) for q in asked] == [
        ("won", 7),
        ("lost", 7),
        ("won", 30),
        ("lost", 30),
    ]
    assert asked[0].outcome.mean() == 0.5
    assert asked[1].outcome.sum() == 0
    assert questions(many(40), CUTOFF, [7]) == []


def test_horizons_that_are_too_long_give_way_to_the_days_at_which_records_closed() -> None:
    assert askable(many(), CUTOFF, [7, 30, 31]) == (7, 30)
    assert askable(many(), CUTOFF, [31, 90]) == (5,)
    assert askable(many(40), CUTOFF, [7]) == ()
    still_open = part_of([(str(i), "2026-04-29", 0, 2.0) for i in range(120)])
    assert askable(still_open, CUTOFF, [7]) == ()


def said(part: Part, won: float) -> tuple[list[Any], Answers]:
    asked = questions(part, CUTOFF, [7.0])
    cif = np.tile(np.asarray([1 - won, won, 0.0])[None, :, None], (len(part), 1, 1))
    return asked, answers(asked, cif, [7.0])


def test_a_gap_is_the_mean_difference_of_the_losses() -> None:
    part = many()
    asked, even = said(part, 0.5)
    _, worse = said(part, 0.9)
    gap = gap_of(part, asked, worse, even)
    assert gap.gap == pytest.approx(worse.log_loss - even.log_loss)
    assert gap.is_finding
    back = gap_of(part, asked, even, worse)
    assert back.gap == pytest.approx(-gap.gap)
    assert not back.is_finding


def test_the_error_of_a_gap_counts_deals_and_not_rows() -> None:
    """Each deal four times over says no more than once; the error of rows would halve."""
    once = many()
    four = Part(
        rows=pd.concat([once.rows] * 4, ignore_index=True),
        labels=pd.concat([once.labels] * 4, ignore_index=True),
    )
    errors = []
    for part in (once, four):
        asked, even = said(part, 0.5)
        errors.append(gap_of(part, asked, said(part, 0.9)[1], even).standard_error)
    assert errors[1] == pytest.approx(errors[0], rel=0.02)


def test_two_standard_errors_make_a_finding() -> None:
    assert Gap(gap=0.021, standard_error=0.01).is_finding
    assert not Gap(gap=0.019, standard_error=0.01).is_finding
    assert not Gap(gap=0.0, standard_error=0.0).is_finding


def test_the_score_table_writes_none_where_there_is_no_number() -> None:
    asked, given = said(many(), 0.5)
    won, lost = score_table(asked, given)
    assert won["brier_score"] == pytest.approx(0.25)
    assert won["auc"] == pytest.approx(0.5)
    assert lost["auc"] is None


def test_the_integrated_brier_score_by_hand() -> None:
    class Even:
        def predict_cumulative_incidence(self, X: pd.DataFrame, times: Any) -> np.ndarray:
            return np.full((len(X), 3, len(times)), 0.5)

    assert integrated_brier(Even(), many(), CUTOFF, 30) == pytest.approx(0.25)
    assert integrated_brier(Even(), many(), CUTOFF, 31) is None
