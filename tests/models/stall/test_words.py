"""Words: every code has a sentence in both languages."""

import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.stall.rules import CHECKPOINTS, PARTS, TOGETHER
from closecurve.models.stall.usual import CIRCUMSTANCES
from closecurve.models.stall.words import (
    CAUSES,
    STEPS,
    cause_sentence,
    checkpoint_name,
    reason_sentence,
    step_sentence,
)

FACT = {"rate": 0.71, "count": 90, "other_rate": 0.4, "other_count": 500}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_has_words(language: str) -> None:
    steps = {f"{part}:{code}" for part in PARTS for code in (*CIRCUMSTANCES, TOGETHER)}
    assert set(STEPS[language]) == steps
    assert set(CAUSES[language]) == set(PARTS)
    assert len({step_sentence(step, language) for step in steps}) == len(steps)
    assert len({cause_sentence(part, language) for part in PARTS}) == len(PARTS)
    assert all(checkpoint_name(name, language) for name in CHECKPOINTS)
    for code in CIRCUMSTANCES:
        told = reason_sentence({"code": code, "value": 20.6, "bound": 13.2, "fact": FACT}, language)
        assert "21" in told
        assert "71%" in told
        assert "40%" in told


def test_a_reason_reads_as_a_person_would_say_it() -> None:
    reason = {"code": "overdue", "value": 0.7, "bound": 0.0, "fact": None}
    assert reason_sentence(reason) == "Past its expected close by 1 day."
    assert reason_sentence(reason, "zh") == "已超过预计成交日 1 天。"


def test_a_language_is_one_of_ours() -> None:
    with pytest.raises(UsageError) as refused:
        step_sentence("upper:dwell", "fr")
    assert refused.value.code == "language-unknown"
