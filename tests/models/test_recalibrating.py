"""Recalibrations on landmarks that a model did not learn from."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from closecurve.models.choosing import TIMELESS
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import Part, known_before, landmarks_from
from closecurve.models.recalibrating import recalibration, recalibration_apart
from closecurve.models.walk_forward import Origin

CUTOFF = pd.Timestamp("2025-01-01")
HORIZONS = (30.0,)


@pytest.fixture(scope="module")
def company(simulated: Callable[..., Any]) -> Part:
    made = simulated(900, seed=3, signal=2.0)
    return Part(rows=made.rows, labels=made.labels)


@pytest.fixture(scope="module")
def origin(company: Part) -> Origin:
    made = Origin.apart(company, CUTOFF, HORIZONS)
    assert made is not None
    return made


def fitted(part: Part, **settings: Any) -> CloseCurve:
    return TIMELESS.fit(part, CUTOFF, {"few_closes": 10.0, "seeds": 1, **settings})


def test_trees_that_fall_short_are_stretched_by_records_left_out(origin: Origin) -> None:
    found, proof = recalibration_apart(fitted(origin.early, rounds=5), origin)
    assert found is not None
    assert found.slope > 1.1
    assert proof["gap"] > proof["standard_error"]


def test_trees_that_are_grown_out_are_not(origin: Origin) -> None:
    found, _ = recalibration_apart(fitted(origin.early, rounds=5), origin)
    grown, _ = recalibration_apart(fitted(origin.early, rounds=100), origin)
    assert found is not None
    assert (1.0 if grown is None else grown.slope) < found.slope


def test_few_closes_prove_nothing(origin: Origin, company: Part) -> None:
    few = company.where(company.rows.index.to_numpy() < 200)
    small = Origin.apart(few, CUTOFF, HORIZONS)
    assert small is not None
    found, proof = recalibration_apart(fitted(origin.early, rounds=5), small)
    assert found is None
    assert not proof["is_used"]


def test_held_back_time_proves_by_its_second_half(company: Part) -> None:
    start = pd.Timestamp("2024-09-01")
    learned, held = known_before(company, start), landmarks_from(company, start)
    model = fitted(learned, rounds=5)
    hazards = model.predict_hazards(held.rows)
    found, proof = recalibration(model, held, hazards, CUTOFF, HORIZONS)
    assert proof["is_used"] == (found is not None)
    assert proof["is_used"] == (proof["gap"] > 2 * proof["standard_error"])
