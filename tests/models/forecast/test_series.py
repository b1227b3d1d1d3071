"""The Theta rule: what it is read from, and that it sees only what was known."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.forecast.series import BLOCK_DAYS, rest_of, series_forecasts

AS_OF = pd.Timestamp("2025-06-01")


def weekly_wins(weeks: int, amount: float = 100.0) -> pd.DataFrame:
    closed = [AS_OF - pd.Timedelta(days=7 * week + 3) for week in range(weeks)]
    return pd.DataFrame({"closed_at": closed, "known_at": closed, "amount_company": amount}).astype(
        {"closed_at": "datetime64[us]", "known_at": "datetime64[us]"}
    )


def test_a_level_series_stays_where_it_is() -> None:
    found = series_forecasts(weekly_wins(80), AS_OF)
    assert found["as_of"].iloc[0] == AS_OF
    assert found[0].iloc[0] == pytest.approx(400.0)
    assert rest_of(found, 0.0, 1.5 * BLOCK_DAYS).loc[AS_OF] == pytest.approx(600.0)


def test_below_a_year_there_is_no_series() -> None:
    assert series_forecasts(weekly_wins(40), AS_OF).empty


def test_wins_known_later_change_nothing_earlier() -> None:
    wins = weekly_wins(90)
    rng = np.random.default_rng(0)
    wins["amount_company"] = rng.gamma(2.0, 100.0, len(wins))
    late = wins.iloc[:1].assign(closed_at=AS_OF, known_at=AS_OF, amount_company=1e9)
    plain, more = (series_forecasts(frame, AS_OF) for frame in (wins, pd.concat([wins, late])))
    pd.testing.assert_frame_equal(plain, more)
    assert len(plain) > 5
