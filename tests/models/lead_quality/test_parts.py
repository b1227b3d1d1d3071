"""Sub-scores: percentiles of what each group adds, among the open leads."""

from typing import Any

import numpy as np

from closecurve.models.lead_quality.parts import SUB_SCORES, SubScoreScale


def lead(cohort: float = 0.2, **contributions: float) -> dict[str, Any]:
    """A stored explanation."""
    return {"cohort_probability": cohort, "contributions": contributions}


def test_a_sub_score_is_the_percentile_among_the_leads() -> None:
    leads = [lead(fit=value) for value in np.linspace(-0.1, 0.1, 101)]
    scale = SubScoreScale.of(leads)
    found = [scale.scores(each)["fit"] for each in leads]
    assert np.abs(np.array(found, dtype=float) - np.arange(101)).max() <= 1
    assert scale.scores(lead(fit=-1))["fit"] == 0
    assert scale.scores(lead(fit=1))["fit"] == 100


def test_equal_leads_have_the_middle_of_their_places() -> None:
    leads = [lead(fit=-0.1)] * 40 + [lead(fit=0.2)] * 60
    found = SubScoreScale.of(leads).scores(leads[-1])["fit"]
    assert found is not None
    assert abs(found - 70) <= 1


def test_a_group_that_is_absent_or_the_same_for_all_has_none() -> None:
    leads = [lead(fit=place / 10, authority=0.0) for place in range(5)]
    found = SubScoreScale.of(leads).scores(leads[3])
    assert set(found) == set(SUB_SCORES)
    assert [group for group, score in found.items() if score is not None] == ["fit"]


def test_the_source_is_read_from_the_typical_lead_of_it() -> None:
    leads = [lead(cohort, source=0.0) for cohort in (0.1, 0.2, 0.4)]
    scale = SubScoreScale.of(leads)
    scores = [scale.scores(each)["source"] for each in leads]
    assert scores == sorted(scores, key=lambda score: score or 0)
    assert len(set(scores)) == 3


def test_a_lead_without_an_explanation_has_no_sub_scores() -> None:
    scale = SubScoreScale.of([None, lead(fit=0.1), lead(fit=0.2)])
    assert set(scale.scores(None).values()) == {None}
    assert SubScoreScale.of([]).marks == {}
