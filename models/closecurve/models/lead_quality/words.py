"""What the value of a conversion rests on, in a sentence, in English and in Chinese."""

from collections.abc import Mapping
from typing import Any

from closecurve.models.explanation.units import Measure
from closecurve.models.explanation.words import Wording

Record = Mapping[str, Any]

OWN = {
    "en": "The lead's own estimate of {own}, times the win rate of such deals.",
    "zh": "线索自带的预估金额 {own}，乘以同类商机的赢单率。",
}
FACT = {
    "en": "Of {count:,} closed deals of converted leads{whence}, {won:,} were won, at {mean} each.",
    "zh": "{whence}线索转化的商机已关闭 {count:,} 个，其中赢单 {won:,} 个，平均每个 {mean}。",
}
WHENCE = {"en": " from {source}", "zh": "来自“{source}”的"}


def value_sentence(basis: Record | None, words: Wording) -> str | None:
    """A published `value_basis` in words; None where there is no fact to tell.

    >>> value_sentence({"own_amount": 9000.0}, Wording(currency="USD"))
    "The lead's own estimate of 9k USD, times the win rate of such deals."
    """
    if basis is None:
        return None
    if basis["own_amount"] is not None:
        return OWN[words.language].format(own=_money(basis["own_amount"], words))
    fact = basis["fact"]
    if fact is None:
        return None
    source = basis["source"]
    return FACT[words.language].format(
        whence="" if source is None else WHENCE[words.language].format(source=source),
        count=fact["count"],
        won=fact["won_count"],
        mean=_money(fact["won_amount"] / max(fact["won_count"], 1), words),
    )


def _money(amount: float, words: Wording) -> str:
    measure = Measure(
        feature="value_amount",
        unit="company currency",
        language=words.language,
        currency=words.currency,
    )
    return measure.value(amount)
