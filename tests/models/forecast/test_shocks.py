"""Errors of teams and owners beyond the company's, and the shocks that give them."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.forecast.combination import LEAST_ERROR, Prior
from closecurve.models.forecast.shocks import Structure, scope_errors
from closecurve.models.forecast.simulation import Shocks

PRIOR = Prior(variance=0.04, overlap=0.1)


def past(error: float, origins: int, noise: float = 0.0) -> pd.DataFrame:
    """Two teams of 100 each; one brings more by `error`, the other less, at every origin."""
    rows = []
    for week in range(origins):
        as_of = pd.Timestamp("2025-01-01") + pd.Timedelta(weeks=week)
        for kind, scope, actual in (
            ("company", "company", 200.0),
            ("team", "a", 100 * (1 + error)),
            ("team", "b", 100 * (1 - error)),
        ):
            size = 200.0 if kind == "company" else 100.0
            rows.append((as_of, kind, scope, size, actual, noise))
    columns = ["as_of", "scope_kind", "scope", "expected", "actual", "squares"]
    return pd.DataFrame(rows, columns=columns)


def test_the_error_is_that_of_the_teams_once_there_are_origins() -> None:
    assert scope_errors(past(0.3, 4000), ("team",), PRIOR)["team"] == pytest.approx(0.3, rel=0.01)


def test_without_origins_it_is_the_priors() -> None:
    assert scope_errors(past(0.3, 0), ("team",), PRIOR)["team"] == pytest.approx(0.2)


def test_the_noise_of_counting_is_no_error() -> None:
    found = scope_errors(past(0.3, 4000, noise=900.0), ("team",), PRIOR)
    assert found["team"] == pytest.approx(0.0, abs=0.02)


def test_a_company_that_was_wrong_as_a_whole_gives_its_teams_no_error() -> None:
    doubled = past(0.0, 4000).assign(actual=lambda rows: rows["actual"] * 2)
    assert scope_errors(doubled, ("team",), PRIOR)["team"] == pytest.approx(0.0, abs=0.02)


LEAVES = pd.DataFrame({"owner_id": list("abcd"), "team": ["x", "x", "y", "y"]})


def test_a_team_s_error_is_made_of_its_own_shock_and_its_owners() -> None:
    structure = Structure(leaves=LEAVES, weight=np.ones(4))
    assert structure.concentration("owner", "team") == 0.5
    own = structure.own_shocks({"team": 0.5, "owner": 0.4})
    assert own["owner"] == pytest.approx(0.4)
    assert own["team"] ** 2 + 0.5 * 0.4**2 == pytest.approx(0.25)


@pytest.fixture
def strays() -> Shocks:
    """Two teams of two owners each, one of whom has half of the whole."""
    structure = Structure(leaves=LEAVES, weight=np.array([3.0, 1.0, 1.0, 1.0]))
    return structure.shocks(np.array([0.3]), np.zeros(1), np.zeros(1), {"team": 0.2, "owner": 0.2})


def test_scopes_leave_the_company_its_own_error_however_far_they_stray(strays: Shocks) -> None:
    assert strays.company[0] == pytest.approx(0.3)
    owners = strays.strays("owner", 1021, np.random.default_rng(0))
    assert np.std(np.log(owners).T @ strays.shares["owner"]) < 1e-12
    assert np.std(strays.shares["owner"] @ owners) < 0.02


def test_a_scope_strays_the_less_the_larger_it_is_and_by_nothing_on_average(
    strays: Shocks,
) -> None:
    """By hand: 1 - 2 x 1/2 + (9 + 3) / 36 of the variance for half of the whole; 1 for a sixth."""
    owners = strays.strays("owner", 10_007, np.random.default_rng(0))
    assert owners.mean(axis=1) == pytest.approx(1.0, abs=0.01)
    expected = strays.kinds["owner"] * np.sqrt([1 / 3, 1.0, 1.0, 1.0])
    assert np.std(np.log(owners), axis=1) == pytest.approx(expected, rel=0.03)


def test_cells_that_stray_leave_the_company_the_least_error() -> None:
    structure = Structure(leaves=LEAVES, weight=np.ones(4))
    shocks = structure.shocks(np.array([0.1]), np.array([0.2]), np.array([0.04]), {})
    assert shocks.company[0] == pytest.approx(LEAST_ERROR)
