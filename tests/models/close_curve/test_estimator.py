"""The close curve: a curve for everything, the truth of a simulated company, files, few data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import ClosecurveError, DataError, EnvironmentFailure, UsageError
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.models.baselines import FixedStageRate, HistoricalStageRate
from closecurve.models.close_curve import CloseCurve
from closecurve.models.metrics import log_loss

TIMES = [0, 0.5, 7, 30.5, 90, 1e6, np.inf]


def assert_curves(cif: np.ndarray) -> None:
    assert np.allclose(cif.sum(axis=1), 1)
    assert cif.min() >= 0
    assert np.diff(cif[:, 1:], axis=2).min() >= -1e-12


def test_every_row_gets_a_curve(curve: CloseCurve, company: Any) -> None:
    cif = curve.predict_cumulative_incidence(company.rows, TIMES)
    assert cif.shape == (len(company.rows), 3, len(TIMES))
    assert_curves(cif)
    assert (cif[:, 0, 0] == 1).all()
    assert (cif[:, :, -1] == cif[:, :, -2]).all()


def test_each_tenth_of_the_predictions_is_near_the_truth(simulated: Callable[..., Any]) -> None:
    learned, unseen = simulated(8000, seed=2, signal=0.5), simulated(1500, seed=3, signal=0.5)
    model = CloseCurve(seeds=1, half_life_share=None).fit(learned.rows, learned.labels)
    said = model.predict_cumulative_incidence(unseen.rows, [14, 60])[:, 1]
    for place, days in enumerate((14, 60)):
        tenths = np.array_split(np.argsort(said[:, place]), 10)
        truth = unseen.true_win(days)
        gaps = [said[tenth, place].mean() - truth[tenth].mean() for tenth in tenths]
        assert np.abs(gaps).max() <= 0.03


def test_it_beats_the_stage_rates_and_the_coin_on_unseen_deals(
    curve: CloseCurve, company: Any, simulated: Callable[..., Any]
) -> None:
    unseen = simulated(800, seed=9)
    happened = np.random.default_rng(0).random(len(unseen.rows)) < unseen.true_win(30)
    history = HistoricalStageRate().fit(company.rows, company.labels)
    losses = [
        log_loss(happened, model.predict_cumulative_incidence(unseen.rows, [30])[:, 1, 0])
        for model in (curve, history)
    ]
    assert losses[0] < losses[1] - 0.02


def test_the_order_of_the_rows_changes_nothing_in_the_files(company: Any, tmp_path: Path) -> None:
    shuffled = np.random.default_rng(4).permutation(len(company.rows))
    for name, order in (("a", slice(None)), ("b", shuffled)):
        model = CloseCurve(rounds=5, most_cells=5000)
        model.fit(company.rows.iloc[order], company.labels.iloc[order]).save(tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["coarse_trees_0.txt", "encoding.json", "model.json", "trees_0.txt"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_predictions_do_not_depend_on_their_neighbours(curve: CloseCurve, company: Any) -> None:
    whole = curve.predict_cumulative_incidence(company.rows, [30])
    backwards = curve.predict_cumulative_incidence(company.rows.iloc[::-1], [30])[::-1]
    assert (whole == backwards).all()
    alone = curve.predict_cumulative_incidence(company.rows.iloc[[17]], [30, np.inf])
    assert (alone[0, :, 0] == whole[17, :, 0]).all()


def test_batches_answer_as_the_whole(
    curve: CloseCurve, company: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = curve.predict_cumulative_incidence(company.rows[:100], [30])
    monkeypatch.setattr("closecurve.models.close_curve.estimator.BATCH_CELLS", 128)
    assert (curve.predict_cumulative_incidence(company.rows[:100], [30]) == whole).all()


def test_a_loaded_model_answers_bit_for_bit(
    curve: CloseCurve, company: Any, tmp_path: Path
) -> None:
    curve.save(tmp_path)
    loaded = CloseCurve.load(tmp_path)
    expected = curve.predict_cumulative_incidence(company.rows, TIMES)
    assert (loaded.predict_cumulative_incidence(company.rows, TIMES) == expected).all()
    assert loaded.horizon_days_ == curve.horizon_days_


@pytest.mark.parametrize("changed", [{"rounds": 20}, {"few_closes": 900.0}])
def test_reading_the_trees_otherwise_is_as_fitting_so(
    company: Any, changed: dict[str, Any]
) -> None:
    plain, asked = CloseCurve(seeds=1, rounds=40), company.rows[:100]
    read = plain.fit(company.rows, company.labels).read_with(**changed)
    before = plain.predict_cumulative_incidence(asked, TIMES)
    fitted = clone(plain).set_params(**changed).fit(company.rows, company.labels)
    cif = read.predict_cumulative_incidence(asked, TIMES)
    assert (cif == fitted.predict_cumulative_incidence(asked, TIMES)).all()
    assert (cif != before).any()
    assert (plain.predict_cumulative_incidence(asked, TIMES) == before).all()


def test_a_model_keeps_its_calendar(company: Any, tmp_path: Path) -> None:
    calendar = FiscalCalendar(year_start_month=2, time_zone="Asia/Shanghai")
    model = CloseCurve(calendar=calendar, rounds=2).fit(company.rows, company.labels)
    model.save(tmp_path)
    assert CloseCurve.load(tmp_path).calendar == calendar


def test_no_category_value_lies_in_the_trees(curve: CloseCurve, tmp_path: Path) -> None:
    curve.save(tmp_path)
    trees = "".join(path.read_text() for path in tmp_path.glob("trees_*.txt"))
    assert "colour" not in trees
    assert "green" not in trees + (tmp_path / "model.json").read_text()
    assert "green" in (tmp_path / "encoding.json").read_text()


def test_an_unknown_format_is_refused(curve: CloseCurve, tmp_path: Path) -> None:
    curve.save(tmp_path)
    value = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(value | {"format": 99}))
    with pytest.raises(EnvironmentFailure, match="got 99") as caught:
        CloseCurve.load(tmp_path)
    assert caught.value.code == "model-format"


def few(event: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A panel of one landmark per deal in the stage Proposal, all closed or censored at 10 days."""
    count = len(event)
    rows = pd.DataFrame(
        {
            "deal_id": pd.Series([str(i) for i in range(count)], dtype="string"),
            "as_of": pd.Series([pd.Timestamp("2026-01-01")] * count, dtype="datetime64[us]"),
            "stage": pd.Series(["Proposal"] * count, dtype="string"),
            "age_days": pd.Series(range(count), dtype=float),
        }
    )
    labels = pd.DataFrame(
        {
            "event": pd.Series(event, dtype=int),
            "duration_days": pd.Series([10.0] * count, dtype=float),
        }
    )
    return rows, labels


@pytest.mark.parametrize(
    "event", [[], [0], [1], [2], [0] * 50, [2] * 400, [1] * 400, [1, 2], [0, 0, 1]]
)
def test_there_is_an_answer_from_any_number_of_closes(event: list[int], tmp_path: Path) -> None:
    rows, labels = few(event)
    model = CloseCurve(processes=(DEFAULT_PROCESS,)).fit(rows, labels)
    asked = few([0])[0]
    cif = model.predict_cumulative_incidence(asked, TIMES)
    assert_curves(cif)
    assert 0 < cif[0, 1, -1] < 1
    model.save(tmp_path)
    assert (CloseCurve.load(tmp_path).predict_cumulative_incidence(asked, TIMES) == cif).all()


def test_before_the_first_close_the_answer_is_the_fixed_rate() -> None:
    rows, labels = few([0, 0])
    said = CloseCurve(processes=(DEFAULT_PROCESS,)).fit(rows, labels)
    fixed = FixedStageRate((DEFAULT_PROCESS,)).fit(rows, labels)
    expected = fixed.predict_cumulative_incidence(rows, TIMES)
    assert said.predict_cumulative_incidence(rows, TIMES) == pytest.approx(expected)
    assert expected[0, 1, -1] == pytest.approx(0.6)


def test_a_plain_table_without_as_ofs_is_taken() -> None:
    generator = np.random.default_rng(8)
    X = pd.DataFrame(
        {"size": generator.normal(size=3000), "kind": generator.choice(["a", "b"], 3000)}
    )
    hazard = 0.02 * np.exp(X["size"].to_numpy())
    y = pd.DataFrame(
        {"event": 1, "duration_days": np.minimum(generator.exponential(1 / hazard), 200)}
    )
    y.loc[y["duration_days"] == 200, "event"] = 0
    model = CloseCurve().fit(X, y)
    assert model.encoding_.kinds == {"size": "number", "kind": "category"}
    won = model.predict_cumulative_incidence(X, [30])[:, 1, 0]
    assert np.corrcoef(won, -np.expm1(-hazard * 30))[0, 1] > 0.95


def test_columns_that_the_catalog_does_not_know_are_ignored(curve: CloseCurve) -> None:
    assert curve.encoding_.columns == ["stage", "age_days", "amount_company", "attribute_colour"]


def test_clocks_run_on_into_the_interval() -> None:
    """Deals close at age 50: young ones late, old ones soon; only a moving age says when."""
    generator = np.random.default_rng(6)
    age = generator.uniform(0, 49, 4000)
    X = pd.DataFrame({"age_days": age})
    y = pd.DataFrame({"event": 1, "duration_days": 50 - age + generator.uniform(0, 2, 4000)})
    model = CloseCurve(rounds=100).fit(X, y)
    probe = pd.DataFrame({"age_days": [10.0, 40.0]})
    won = model.predict_cumulative_incidence(probe, [5, 14, 36, 50])[:, 1]
    assert won[0] == pytest.approx([0, 0, 0, 1], abs=0.2)
    assert won[1] == pytest.approx([0, 1, 1, 1], abs=0.2)


def test_quarter_ends_are_seen_where_deals_close_at_them() -> None:
    """Deals are won in the last ten days of a quarter only: there the curve rises."""
    generator = np.random.default_rng(7)
    days = np.arange("2023-01-01", "2026-01-01", dtype="datetime64[D]")
    place = FiscalCalendar().quarter_place(days.astype("datetime64[us]"))
    rush = np.flatnonzero(place > 0.89)
    at = generator.integers(0, 600, 6000)
    closes = rush[np.searchsorted(rush, at + np.minimum(generator.exponential(60, 6000), 300))]
    as_of = pd.Series(days[at].astype("datetime64[us]"))
    X = pd.DataFrame({"as_of": as_of, "deal_id": [str(i) for i in range(6000)], "age_days": 1.0})
    known = closes < 700
    y = pd.DataFrame(
        {"event": np.where(known, 1, 0), "duration_days": np.where(known, closes, 700) - at + 0.5}
    )
    model = CloseCurve().fit(X, y)
    ask = X[:1].assign(as_of=pd.Timestamp("2024-02-10").as_unit("us"))
    won = model.predict_cumulative_incidence(ask, [38, 51])[0, 1]
    assert won[1] - won[0] > 4 * won[0]


def test_newer_landmarks_weigh_more_where_the_world_changed(simulated: Callable[..., Any]) -> None:
    company = simulated(700, seed=5)
    is_old = (company.rows["as_of"] < pd.Timestamp("2024-06-01")).to_numpy()
    event = company.labels["event"].to_numpy()
    turned = company.labels.assign(event=np.where(is_old & (event > 0), 2, event))
    won = [
        CloseCurve(half_life_share=share, seeds=1)
        .fit(company.rows, turned)
        .predict_cumulative_incidence(company.rows, [30])[:, 1]
        .mean()
        for share in (0.1, None)
    ]
    assert won[0] > won[1] + 0.02


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"as_of": "2024-01-01"}, DataError, "as-of-format"),
        ({"as_of": pd.Timestamp("2024-01-01", tz="UTC")}, DataError, "as-of-format"),
        ({"as_of": None}, UsageError, "as-of-missing"),
        ({"stage": None}, UsageError, "feature-missing"),
    ],
)
def test_a_panel_that_does_not_fit_is_refused(
    curve: CloseCurve, company: Any, change: dict[str, Any], error: type[ClosecurveError], code: str
) -> None:
    rows = company.rows[:3].assign(**change)
    rows = rows.drop(columns=[name for name, value in change.items() if value is None])
    with pytest.raises(error) as caught:
        curve.predict_cumulative_incidence(rows, [30])
    assert caught.value.code == code


def test_labels_go_with_the_panel(company: Any) -> None:
    with pytest.raises(DataError, match="one label") as caught:
        CloseCurve().fit(company.rows, company.labels[:-1])
    assert caught.value.code == "label-rows"
