"""The split of a target learns from earlier quarters as they were known."""

import pandas as pd

from closecurve.models.targets.split import Staff
from closecurve.pipelines.targets import _as_known


def test_who_came_or_left_later_was_not_known_to() -> None:
    owners = pd.DataFrame(
        {
            "owner_id": ["ann", "bob", "cem"],
            "hired_date": pd.to_datetime(pd.Series([None, "2026-05-01", "2025-01-01"])),
            "left_date": pd.to_datetime(pd.Series(["2026-06-01", None, "2025-12-01"])),
        }
    )
    then = _as_known(Staff(owners=owners, ramp_days=30.0), pd.Timestamp("2026-04-01")).owners
    assert then["owner_id"].tolist() == ["ann", "cem"]
    assert then["left_date"].isna().tolist() == [True, False]
