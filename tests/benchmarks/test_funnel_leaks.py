"""The leak diagnosis on simulated funnels: seldom a false alarm, and stated leaks are found."""

from importlib import import_module
from types import ModuleType

import pandas as pd
import pytest


@pytest.fixture
def benchmark_script() -> ModuleType:
    return import_module("funnel_leaks")


def test_false_alarms_are_rare_and_stated_leaks_are_found(benchmark_script: ModuleType) -> None:
    table = benchmark_script.measured((120.0,), 24, seed=11)
    assert benchmark_script.is_kept(table)
    assert table["named"].iloc[0] >= 0.9


def test_the_bounds_can_break(benchmark_script: ModuleType) -> None:
    is_kept = benchmark_script.is_kept
    row = {"false_alarm": 0.04, "funnels": 100, "found": 0.82, "with_leak": 100}
    assert is_kept(pd.DataFrame([row]))
    assert not is_kept(pd.DataFrame([row | {"false_alarm": 0.2}]))
    assert not is_kept(pd.DataFrame([row | {"found": 0.5}]))


def test_a_simulated_leak_takes_its_share_from_the_last_quarter_on() -> None:
    simulated = import_module("funnel_simulated")
    funnel = simulated.SimulatedFunnel(
        conversions=(0.6, 0.5), stay_days=(10.0, 10.0), deals_a_quarter=2000.0, seed=3
    )
    stays = funnel.leaking(0, 0.2).passages()
    first = stays[(stays["stage_order"] == 1) & stays["left_at"].notna()]
    moved = (first["next"] == "stage 2").groupby(first["left_at"] >= simulated.LEAK_AT).mean()
    assert abs(moved[False] - 0.6) < 0.02
    assert abs(moved[True] - 0.4) < 0.04
