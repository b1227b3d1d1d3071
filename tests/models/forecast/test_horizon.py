"""Which periods, cells and pivots a forecast looks over."""

import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.models.forecast.horizon import all_periods, near_quarters

AS_OF = pd.Timestamp("2026-05-11")


def test_running_and_next_of_every_kind_to_the_end_of_next_year() -> None:
    horizon = all_periods(FiscalCalendar(), AS_OF)
    assert [period.name for _, period in horizon.periods] == [
        "2026-05", "2026-06", "2026 Q2", "2026 Q3", "2026 H1", "2026 H2", "FY 2026", "FY 2027",
    ]  # fmt: skip
    assert len(horizon.cells) == 20
    assert len(horizon.pivots) == 7
    assert horizon.cells_of_period.sum(axis=1).tolist() == [1, 1, 2, 3, 2, 6, 8, 12]


@pytest.mark.parametrize("first_month", [1, 2, 7, 12])
def test_cells_lie_without_a_gap_and_each_in_one_pivot(first_month: int) -> None:
    horizon = all_periods(FiscalCalendar(year_start_month=first_month), AS_OF)
    ends = [cell.end_at for cell in horizon.cells[:-1]]
    assert ends == [cell.start_at for cell in horizon.cells[1:]]
    for cell, pivot in zip(horizon.cells, horizon.pivot_of_cell, strict=True):
        assert horizon.pivots[pivot].start_at <= cell.start_at
        assert cell.end_at <= horizon.pivots[pivot].end_at


def test_bounds_are_days_from_the_as_of_and_the_first_is_0() -> None:
    horizon = near_quarters(FiscalCalendar(), AS_OF)
    assert horizon.bound_days.tolist() == [0.0, 51.0, 51.0 + 92.0]
    assert horizon.cells == horizon.pivots


def test_days_are_those_of_the_company() -> None:
    berlin = all_periods(FiscalCalendar(time_zone="Europe/Berlin"), AS_OF)
    assert berlin.cells[0].start_at == pd.Timestamp("2026-04-30 22:00")
