"""Sentences: as a person would say them, in both languages, from one record."""

import itertools
from typing import Any

import pytest

from closecurve.crm.errors import UsageError
from closecurve.features.catalog_specs import DEAL_SPECS, GROUPS, LEAD_SPECS
from closecurve.models.explanation.words import (
    GROUPS_IN_CHINESE,
    LANGUAGES,
    PHRASES,
    Wording,
    explained,
    told,
)

ENGLISH, CHINESE = Wording(currency="USD"), Wording(language="zh", currency="CNY")


def reason(feature: str, value: Any, typical: Any, delta: float, **fact: Any) -> dict[str, Any]:
    made = {"feature": feature, "count": 90, "other_count": 400} | fact if fact else None
    return {
        "group": "stage",
        "direction": "raises" if delta > 0 else "lowers",
        "feature": feature,
        "value": value,
        "typical": typical,
        "delta_probability": delta,
        "fact": made,
    }


SPECS = sorted({*DEAL_SPECS, *LEAD_SPECS}, key=lambda spec: spec.name)
VALUES = (0.0, 1.0, 3.4, None)
SIDES = ("at_least", "below", "present", "absent")
STAGE = reason(
    "stage",
    "Closing",
    "Qualification",
    0.39,
    side="is",
    bound="Closing",
    rate=0.71,
    other_rate=0.22,
)
SILENT = reason(
    "days_since_activity",
    27.4,
    9.8,
    -0.012,
    side="at_least",
    bound=21.0,
    rate=0.14,
    other_rate=0.38,
)
AMOUNT = reason(
    "amount_company",
    24_899.0,
    4_800.0,
    -0.04,
    side="at_least",
    bound=12e3,
    rate=0.2,
    other_rate=0.3,
)
DUE = reason("days_to_expected_close", -12.0, 30.0, -0.06)
PUSHED = reason("push_count", 3.0, 0.0, -0.002, side="below", bound=1.0, rate=0.4, other_rate=0.2)
MEETING = reason(
    "days_since_meeting", None, 14.0, -0.02, side="absent", bound=None, rate=0.2, other_rate=0.4
)
PRODUCT = reason("attribute_seat_count", 120.0, 10.0, 0.03)


@pytest.mark.parametrize(
    ("record", "english", "chinese"),
    [
        (
            STAGE,
            "In stage Closing, most stand in Qualification: +39 points."
            " Deals in Closing won 71%, others 22%.",
            "处于阶段“Closing”，多数处于“Qualification”：+39 个百分点。"
            "处于“Closing”的商机赢单率 71%，其余 22%。",
        ),
        (
            SILENT,
            "Silent for 27 days, typically 10 days: −1 point."
            " Deals silent for at least 21 days won 14%, others 38%.",
            "已 27 天没有跟进，通常 10 天：−1 个百分点。"
            "至少 21 天没有跟进的商机赢单率 14%，其余 38%。",
        ),
        (
            AMOUNT,
            "Worth 24.9k USD, typically 4.8k USD: −4 points."
            " Deals worth at least 12k USD won 20%, others 30%.",
            "金额 2.49 万 CNY，通常 4800 CNY：−4 个百分点。"
            "金额至少 1.2 万 CNY的商机赢单率 20%，其余 30%。",
        ),
        (
            DUE,
            "Expected to close 12 days ago, typically in 30 days: −6 points.",
            "预计成交日已过 12 天，通常还有 30 天：−6 个百分点。",
        ),
        (
            PUSHED,
            "Pushed 3 times, typically never: −0.2 points. Deals never pushed won 40%, others 20%.",
            "推迟 3 次，通常 0 次：−0.2 个百分点。推迟不到 1 次的商机赢单率 40%，其余 20%。",
        ),
        (
            MEETING,
            "No meeting yet, typically 14 days: −2 points."
            " Deals without any meeting won 20%, others 40%.",
            "尚无 meeting，通常 14 天：−2 个百分点。尚无 meeting的商机赢单率 20%，其余 40%。",
        ),
        (
            PRODUCT,
            "Seat count: 120, typically 10: +3 points.",
            "Seat count：120，通常 10：+3 个百分点。",
        ),
    ],
)
def test_a_reason_reads_like_a_sentence(record: dict[str, Any], english: str, chinese: str) -> None:
    assert ENGLISH.reason(record) == english
    assert CHINESE.reason(record) == chinese


def test_a_lead_converts() -> None:
    lead = Wording(subject="lead")
    assert "Leads silent for at least 21 days converted 14%, others 38%." in lead.reason(SILENT)
    assert "线索转化率 14%" in Wording(language="zh", subject="lead").reason(SILENT)


def test_the_typical_owner_is_not_named() -> None:
    assert ENGLISH.reason(reason("owner_id", "o-1", "o-2", 0.1)) == "With owner o-1: +10 points."


def test_what_reads_the_same_is_said_once() -> None:
    record = reason("days_in_stage", 14.2, 13.9, 0.01)
    assert ENGLISH.reason(record) == "14 days in this stage: +1 point."


def test_points_that_stand_beside_are_not_repeated() -> None:
    assert ENGLISH.beside_points(DUE) == "Expected to close 12 days ago, typically in 30 days."


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_feature_of_the_catalog_has_its_words(spec: Any) -> None:
    feature = spec.name.replace("<", "").replace(">", "")
    for language, value, side in itertools.product(LANGUAGES, VALUES, SIDES):
        assert spec.name in PHRASES[language]
        said = Wording(language=language, currency="USD").reason(
            reason(feature, value, 1.0, 0.2, side=side, bound=2.0, rate=0.5, other_rate=0.2)
        )
        assert not set("{}<>") & set(said)
        assert "  " not in said


def test_every_group_has_a_chinese_name() -> None:
    assert set(GROUPS) <= set(GROUPS_IN_CHINESE)
    assert CHINESE.group("stage") == "阶段"
    assert ENGLISH.group("stage") == "stage"


def test_what_was_published_is_told_the_strongest_first() -> None:
    published = {
        "cohort_probability": 0.3,
        "contributions": {"stage": 0.39},
        "reasons": [SILENT, STAGE],
    }
    found = explained(published, ENGLISH)
    assert [each["feature"] for each in found["reasons"]] == ["stage", "days_since_activity"]
    assert found["reasons"][0]["sentence"].startswith("In stage Closing")
    assert (found["cohort_probability"], found["contributions"]) == (0.3, {"stage": 0.39})


def test_publications_of_earlier_versions_are_told_too() -> None:
    """They hold a list of reasons without facts, or nothing."""
    old = [{name: value for name, value in DUE.items() if name != "fact"}]
    [found] = told(old, ENGLISH)
    assert found["fact"] is None
    assert told(None, ENGLISH) == []


def test_a_language_is_one_of_two() -> None:
    with pytest.raises(UsageError) as caught:
        Wording(language="fr")
    assert caught.value.code == "language-unknown"
