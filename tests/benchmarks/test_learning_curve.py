from importlib import import_module
from types import ModuleType
from typing import Any

import pandas as pd
import pytest


@pytest.fixture
def module() -> ModuleType:
    return import_module("learning_curve")


@pytest.fixture
def company() -> Any:
    return import_module("learning_companies").noise()


def closes_before(frames: dict[str, pd.DataFrame], cutoff: pd.Timestamp) -> int:
    facts = frames["deal_changes"]
    return int(((facts["field"] == "outcome") & (facts["known_at"] < cutoff)).sum())


@pytest.mark.parametrize("closes", [0, 1, 20, 500])
def test_a_cut_company_has_just_so_many_closes_and_every_deal_since_the_first_of_them(
    module: ModuleType, company: Any, closes: int
) -> None:
    cut = module.with_closes(company, closes)
    assert closes_before(cut.frames, company.cutoff) == closes
    deals, kept = company.frames["deals"], cut.frames["deals"]
    since = deals[deals["created_at"] >= kept["created_at"].min()]
    assert kept["deal_id"].tolist() == since["deal_id"].tolist()


def test_a_company_with_fewer_closes_is_not_cut(module: ModuleType, company: Any) -> None:
    assert module.with_closes(company, 1_000_000) is None


def test_in_the_noise_company_a_win_is_as_likely_in_any_segment(company: Any) -> None:
    facts = company.frames["deal_changes"]
    ends = facts[facts["field"] == "outcome"].merge(company.frames["deals"], on="deal_id")
    rates = ends.groupby("segment")["new_value"].apply(lambda values: (values == "won").mean())
    assert rates.between(0.25, 0.35).all()
