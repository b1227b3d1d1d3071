"""What changed between any two dates of the history: bridges that add up, ends that are told."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipelines.conftest import Exported

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.features.snapshot import open_deals
from closecurve.models.changes.pipeline import pipeline_changes
from closecurve.models.changes.standing import Choice, Standing
from closecurve.models.forecast.horizon import all_periods
from closecurve.models.scopes import scopes_of
from closecurve.pipelines.standings import Compared, pipeline_between, standing_at
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import Workspace

pytestmark = pytest.mark.xdist_group("pipelines")

THEN, NOW = pd.Timestamp("2025-01-10"), pd.Timestamp("2025-02-10")


@pytest.fixture(scope="module")
def demo(trained_home: Any) -> Workspace:
    return Workspace.open(trained_home, trained_home / "export/closecurve.toml").quiet()


@pytest.fixture(scope="module")
def standings(demo: Workspace) -> list[Standing]:
    """The company at three dates, the last one the end of the data."""
    end = demo.data_end()
    return [
        standing_at(demo.history().tables(), demo.settings, end - days, "weighted_history")
        for days in (pd.Timedelta(days=200), pd.Timedelta(days=45), pd.Timedelta(0))
    ]


@settings(max_examples=25)
@given(data=st.data())
def test_the_effects_add_up_for_any_dates_scope_and_period(
    standings: list[Standing], demo: Workspace, data: st.DataObject
) -> None:
    first, second = data.draw(st.sampled_from([(0, 1), (0, 2), (1, 2)]))
    before, after = standings[first], standings[second]
    scopes = scopes_of([before.deals, after.deals], before.chains)
    kind, name = data.draw(st.sampled_from(list(zip(scopes.kinds, scopes.names, strict=True))))
    periods = [period for _, period in all_periods(demo.settings.calendar, after.as_of).periods]
    period = data.draw(st.sampled_from([None, *periods]))
    changes = pipeline_changes(before, after, Choice(scope_kind=kind, scope=name, period=period))
    assert changes.moves["effect"].sum() == pytest.approx(changes.end - changes.start, abs=1e-6)


def test_every_deal_that_left_has_an_end_and_every_open_one_is_told(demo: Workspace) -> None:
    tables, end = demo.history().tables(), demo.data_end()
    start = end - pd.Timedelta(days=90)
    found = pipeline_between(tables, demo.settings, Compared(start=start, end=end))
    for frame, at in ((found.before, start), (found.after, end)):
        assert set(frame["deal_id"]) == set(open_deals(tables, [at]).execute()["deal_id"])
        assert len(frame) > 5
    assert {"new", "won", "lost"} <= set(found.changes.by_kind())
    assert "gone" not in found.changes.by_kind()


def test_the_manager_of_all_owners_sees_the_whole_company(standings: list[Standing]) -> None:
    before, after = standings[1:]
    top = next(iter(before.chains.values()))[-1]
    whole, managed = (
        pipeline_changes(before, after, choice)
        for choice in (Choice(), Choice(scope_kind="manager", scope=top))
    )
    assert managed.end == pytest.approx(whole.end)
    assert managed.by_kind() == pytest.approx(whole.by_kind())
    assert whole.end > 0


def test_each_way_to_come_and_to_go_is_told(exported: Exported) -> None:
    day = "2025-01-01"
    deals = pd.DataFrame(
        {
            "deal_id": ["stays", "lost", "back", "gone", "new"],
            "created_at": [day, day, day, day, "2025-02-01"],
            "amount": [10, 20, 30, 50, 40],
        }
    )
    moved = pd.DataFrame(
        {
            "deal_id": ["lost", "back", "back", "gone"],
            "event_at": ["2025-01-20", "2025-01-05", "2025-01-20", "2025-01-20"],
            "field": "outcome",
            "new_value": ["lost", "lost", "open", "deleted"],
        }
    )
    workspace = exported(deals=deals, deal_changes=moved)
    import_history(workspace)
    found = pipeline_between(
        workspace.history().tables(), workspace.settings, Compared(start=THEN, end=NOW)
    )
    assert found.changes.by_kind() == {"new": 40, "reopened": 30, "lost": -20, "deleted": -50}
    assert (found.changes.start, found.changes.end) == (80, 80)
    nobody = Compared(start=THEN, end=NOW, scope_kind="owner", scope="nobody")
    with pytest.raises(UsageError) as caught:
        pipeline_between(workspace.history().tables(), workspace.settings, nobody)
    assert caught.value.code == "changes-scope"


def test_two_dates_stand_in_order_and_see_the_period() -> None:
    for end in (THEN, NOW):
        with pytest.raises(UsageError) as caught:
            Compared(start=NOW, end=end)
        assert caught.value.code == "changes-dates"
    calendar = FiscalCalendar()
    for name in ("2025 Q1", "FY 2026"):
        choice = Compared(start=THEN, end=NOW, period=name).choice(calendar)
        assert choice.period is not None
        assert choice.period.name == name
    with pytest.raises(UsageError) as caught:
        Compared(start=THEN, end=NOW, period="2001 Q1").choice(calendar)
    assert caught.value.code == "changes-period"
