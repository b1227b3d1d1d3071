"""Trees along all intervals at once: the sums that LightGBM forms cell by cell."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.ranges import GridTrees
from closecurve.models.incidence import at_times
from closecurve.models.trees.walk import walked_sums
from closecurve.models.unfold import all_cells

ACTIVITIES = ("days_since_activity", "days_to_expected_close")


@pytest.fixture(scope="module")
def rows(company: Any) -> pd.DataFrame:
    """The company with a countdown, holes in every column, and a category that is never seen."""
    random = np.random.default_rng(3)
    made: pd.DataFrame = company.rows.assign(
        days_since_activity=random.exponential(20, len(company.rows)),
        days_to_expected_close=random.normal(20, 30, len(company.rows)),
        process=random.choice(["default", "partner"], len(company.rows)),
    )
    for column in (*ACTIVITIES, "amount_company", "attribute_colour"):
        made[column] = made[column].mask(random.random(len(made)) < 0.2)
    return made


@pytest.fixture(scope="module")
def model(rows: pd.DataFrame, company: Any) -> CloseCurve:
    calendar = FiscalCalendar(time_zone="America/New_York")
    model = CloseCurve(calendar=calendar, seeds=2, rounds=40, min_rows=50)
    # What was still due says something here, so that trees split on it.
    labels = company.labels.assign(
        event=np.where(rows["days_to_expected_close"] > 30, 2, company.labels["event"])
    )
    return model.fit(rows, labels)


@pytest.fixture(scope="module")
def some(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one as-of, among them one that holds what training never saw."""
    latest = rows["as_of"].mode()[0]
    found: pd.DataFrame = rows[rows["as_of"] == latest].reset_index(drop=True)
    found.loc[0, ["attribute_colour", "stage", "process"]] = ["mauve", "Nowhere", None]
    found.loc[1, "amount_company"] = 1e12
    return found


def cell_by_cell(model: CloseCurve, grid: GridTrees, X: pd.DataFrame) -> Any:
    """The sums (outputs, n, K) of the trees over one grid, by LightGBM."""
    intervals = len(grid.cells.grid)
    matrix = grid.cells.build(model.encoding_.matrix(X), X["as_of"], all_cells(len(X), intervals))
    made = [each.predict(matrix, raw_score=True, num_threads=1) for each in grid.boosters]
    return np.concatenate(
        [np.asarray(one).reshape(len(X), intervals, 3).transpose(2, 0, 1) for one in made]
    )


def test_the_sums_are_those_of_lightgbm(model: CloseCurve, some: pd.DataFrame) -> None:
    curve, ranges = model.ranges(), model.ranges().ranges
    found = ranges.sums(
        ranges.places(model.encoding_.matrix(some)), curve.runs(some["as_of"].iloc[0])
    )
    kinds = {list(model.encoding_.kinds.values())[c] for c in used_columns(model)}
    assert kinds == {"number", "clock", "countdown", "category"}
    assert curve.coarse is not None
    fine, coarse = np.split(found, [3 * len(model.boosters_)])
    for sums, grid, places in zip(
        (fine, coarse), (curve.fine, curve.coarse), curve.places, strict=True
    ):
        assert np.abs(sums[:, :, places] - cell_by_cell(model, grid, some)).max() < 1e-12


def used_columns(model: CloseCurve) -> set[int]:
    gain = np.sum([booster.feature_importance("split") for booster in model.boosters_], axis=0)
    assert gain[len(model.encoding_.columns) :].sum() > 0
    return set(np.flatnonzero(gain[: len(model.encoding_.columns)]).tolist())


def test_many_as_ofs_and_one_give_the_same_curves(model: CloseCurve, rows: pd.DataFrame) -> None:
    """Rows of many as-ofs are answered cell by cell, those of one along all intervals."""
    few = rows.groupby("as_of").head(3)
    together = model.predict_cumulative_incidence(few, [7, 45, np.inf])
    for as_of in few["as_of"].unique()[::9]:
        is_own = (few["as_of"] == as_of).to_numpy()
        alone = model.predict_cumulative_incidence(few[is_own], [7, 45, np.inf])
        assert np.abs(alone - together[is_own]).max() < 1e-12


def test_as_ofs_whose_intervals_hold_the_same_share_their_runs(
    model: CloseCurve, some: pd.DataFrame
) -> None:
    as_of = some["as_of"].iloc[0]
    first, second, month_later = (
        model.ranges().runs(as_of + pd.Timedelta(step)) for step in ("0s", "1s", "31D")
    )
    assert first is second
    assert month_later is not first


def test_a_walk_stops_at_every_mixture_of_start_and_end(
    model: CloseCurve, some: pd.DataFrame
) -> None:
    ranges, encoding = model.ranges().ranges, model.encoding_
    runs = model.ranges().runs(some["as_of"].iloc[0])
    start, end = encoding.matrix(some)[::-1], encoding.matrix(some)
    columns = np.array_split(np.arange(end.shape[1]), 3)
    parts = [runs.within(ranges.part(own.tolist())) for own in columns]
    found = walked_sums(ranges.outputs, runs, parts, ranges.places(start), ranges.places(end))
    for taken in range(4):
        mixed = start.copy()
        for own in columns[:taken]:
            mixed[:, own] = end[:, own]
        expected = ranges.sums(ranges.places(mixed), runs)
        assert np.abs(found[taken] - expected).max() < 1e-12


def test_stage_curves_are_looked_up_as_they_are_predicted(
    model: CloseCurve, some: pd.DataFrame
) -> None:
    lookup, edges = model.ranges().stages, model.stage_curves_.edges_
    codes = model.rows(some).codes
    expected = model.stage_curves_.predict_cumulative_incidence(some, edges)
    assert np.abs(lookup.curves(codes) - expected).max() < 1e-12
    for days in (7.0, np.inf):
        won = at_times(expected, edges, [days])[:, 1, 0]
        assert np.abs(lookup.won_by(codes, days) - won).max() < 1e-12


def test_a_record_is_read_as_its_row_in_a_frame(model: CloseCurve, some: pd.DataFrame) -> None:
    whole = model.rows(some)
    for place, record in enumerate(
        some.astype(object).where(some.notna(), None).to_dict("records")
    ):
        one = model.row({str(name): value for name, value in record.items()})
        assert np.array_equal(one.features[0], whole.features[place], equal_nan=True)
        assert (one.codes[0] == whole.codes[place]).all()


def test_curves_of_one_as_of_are_bit_for_bit_those_of_each_alone(
    model: CloseCurve, some: pd.DataFrame
) -> None:
    """So that a posted deal never differs from the nightly run."""
    as_of = some["as_of"].iloc[0]
    whole = model.rows(some)
    together = model.incidence_at(whole, as_of, [7, 45, np.inf])
    for place in range(len(some)):
        alone = model.incidence_at(whole.at(slice(place, place + 1)), as_of, [7, 45, np.inf])
        assert (alone[0] == together[place]).all()
    expected = model.predict_cumulative_incidence(some, [7, 45, np.inf])
    assert np.abs(together - expected).max() < 1e-12
