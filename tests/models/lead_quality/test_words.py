"""What a value rests on, in words."""

import pytest

from closecurve.models.explanation.words import Wording
from closecurve.models.lead_quality.words import value_sentence

FACT = {"count": 1200, "won_count": 300, "won_amount": 9e6}
BASIS = {"source": "event", "fact": FACT, "own_amount": None}


@pytest.mark.parametrize(
    ("changed", "language", "told"),
    [
        (
            {},
            "en",
            "Of 1,200 closed deals of converted leads from event, 300 were won, at 30k USD",
        ),
        (
            {},
            "zh",
            "来自“event”的线索转化的商机已关闭 1,200 个，其中赢单 300 个，平均每个 3 万 USD",
        ),
        ({"source": None}, "zh", "线索转化的商机已关闭 1,200 个，其中赢单 300 个，平均每个 3 万"),
        ({"own_amount": 9e4}, "zh", "线索自带的预估金额 9 万 USD，乘以同类商机的赢单率。"),
        ({"own_amount": 9e4}, "en", "The lead's own estimate of 90k USD, times the win rate of"),
        (
            {"source": None, "fact": {"count": 40, "won_count": 0, "won_amount": 0.0}},
            "en",
            "Of 40 closed deals of converted leads, 0 were won, at 0 USD each.",
        ),
    ],
)
def test_a_value_is_told_by_what_it_rests_on(
    changed: dict[str, object], language: str, told: str
) -> None:
    words = Wording(language=language, subject="lead", currency="USD")
    assert (value_sentence(BASIS | changed, words) or "").startswith(told)


def test_without_a_fact_nothing_is_said() -> None:
    assert value_sentence(None, Wording()) is None
    assert value_sentence(BASIS | {"fact": None}, Wording()) is None
