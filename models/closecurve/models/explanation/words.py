"""The sentences of reasons, in English and in Chinese, made when they are read.

A published reason is data; both languages come from the one record.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from closecurve.crm.errors import UsageError
from closecurve.features.catalog import spec_of
from closecurve.models.explanation.chinese import CHINESE
from closecurve.models.explanation.english import ENGLISH
from closecurve.models.explanation.phrases import Phrases, family_of
from closecurve.models.explanation.units import Measure

LANGUAGES = ("en", "zh")
PHRASES: Mapping[str, Mapping[str, Phrases]] = {"en": ENGLISH, "zh": CHINESE}
NOT_NAMED = ("owner_id",)
"""Columns whose commonest value is not told: it would name a colleague to the reader."""

NEVER = "never"
RELATIVE = ("whose", "of", "that")
"""How a clause of its own begins: there "never" does not go first."""

USUAL_WHO = {
    "present": {"en": "with {label} known", "zh": "有{label}"},
    "absent": {"en": "with no {label} known", "zh": "没有{label}"},
}
USUAL_TYPICAL = {"en": "typically {t}", "zh": "通常 {t}"}
NONE_TYPICAL = {"en": "typically none", "zh": "通常没有"}
GAP_IN_CHINESE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef“”]) (?=[\u3000-\u9fff“”])")
"""A space between two Chinese characters, where a number or a name could have stood."""

GROUPS_IN_CHINESE = {
    "stage": "阶段",
    "age": "存续时间",
    "amount": "金额",
    "expected close": "预计成交日",
    "engagement": "跟进",
    "owner": "负责人",
    "account": "客户",
    "product": "产品",
    "lead": "线索",
    "fit": "匹配度",
    "authority": "决策权",
    "budget and timing": "预算与时机",
    "source": "来源",
    "calendar": "日历",
    "time": "时间推移",
    "model": "模型更新",
    "history": "历史更正",
    "not recorded": "未记录",
}

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How reasons are told: the language, what they are about, and the company's currency."""

    language: str = "en"
    subject: str = "deal"
    currency: str = ""

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise UsageError(
                "language-unknown", f"a language is one of {LANGUAGES}, got {self.language!r}"
            )

    def group(self, name: str) -> str:
        """The name of a feature group."""
        return name if self.language == "en" else GROUPS_IN_CHINESE.get(name, name)

    def reason(self, reason: Record) -> str:
        """The sentence of one reason, as `Reason.to_json` writes it.

        >>> Wording().reason({"feature": "push_count", "value": 3.0, "typical": 0.0,
        ...     "delta_probability": -0.08, "fact": None})
        'Pushed 3 times, typically never: −8 points.'
        """
        return self._sentence(reason, self.points(reason["delta_probability"]))

    def beside_points(self, reason: Record) -> str:
        """The same where the points stand beside the sentence already."""
        return self._sentence(reason, "")

    def _sentence(self, reason: Record, points: str) -> str:
        parts = [self._told(reason), points] if points else [self._told(reason)]
        fact = self._fact(reason.get("fact"))
        if self.language == "en":
            return f"{': '.join(parts)}. {fact}".rstrip()
        return GAP_IN_CHINESE.sub("", f"{'：'.join(parts)}。{fact}")

    def points(self, delta: float) -> str:
        """A difference of probabilities.

        >>> Wording().points(0.394), Wording(language="zh").points(-0.004)
        ('+39 points', '−0.4 个百分点')
        """
        size = abs(delta) * 100
        shown = f"{'−' if delta < 0 else '+'}{size:.{0 if size >= 0.95 else 1}f}"
        if self.language == "zh":
            return f"{shown} 个百分点"
        return f"{shown} point" if shown[1:] == "1" else f"{shown} points"

    def _told(self, reason: Record) -> str:
        """What the deal holds and, where it says something, what is typical."""
        feature, value, typical = reason["feature"], reason["value"], reason["typical"]
        here = self._here(feature, value)
        usual = self._usual(feature, typical)
        if feature in NOT_NAMED or self._here(feature, typical) == here:
            return here
        return f"{here}, {usual}" if self.language == "en" else f"{here}，{usual}"

    def _here(self, feature: str, value: float | str | None) -> str:
        phrases, named = self._phrases(feature)
        if value is None:
            said = phrases.absent or (
                "No {label} known" if self.language == "en" else "{label}未知"
            )
            said = said.format(m=named, label=phrases.label.format(m=named))
        else:
            measured = self._measure(feature, value).value(value)
            said = phrases.here.format(v=measured, m=named)
        return said[:1].upper() + said[1:]

    def _usual(self, feature: str, typical: float | str | None) -> str:
        if typical is None:
            return NONE_TYPICAL[self.language]
        phrases, named = self._phrases(feature)
        usual = (isinstance(typical, str) and phrases.typical) or USUAL_TYPICAL[self.language]
        return usual.format(t=self._measure(feature, typical).value(typical), m=named)

    def _fact(self, fact: Record | None) -> str:
        """The population behind a reason; empty where there is none."""
        if fact is None:
            return ""
        who = self._who(fact)
        rate, other = (f"{100 * fact[name]:.0f}%" for name in ("rate", "other_rate"))
        if self.language == "zh":
            noun = "商机赢单率" if self.subject == "deal" else "线索转化率"
            return f"{who}的{noun} {rate}，其余 {other}。"
        noun, verb = ("Deals", "won") if self.subject == "deal" else ("Leads", "converted")
        return f"{noun} {who} {verb} {rate}, others {other}."

    def _who(self, fact: Record) -> str:
        feature, side, bound = fact["feature"], fact["side"], fact["bound"]
        phrases, named = self._phrases(feature)
        label = phrases.label.format(m=named)
        if side in USUAL_WHO:
            own = phrases.present_who if side == "present" else phrases.absent_who
            return (own or USUAL_WHO[side][self.language]).format(m=named, label=label)
        said = self._measure(feature, bound).bound(side, bound)
        if said == NEVER and not phrases.who.startswith(RELATIVE):
            return f"{NEVER} {phrases.who.removesuffix(' {b}')}"
        return phrases.who.format(b=said, m=named)

    def _phrases(self, feature: str) -> tuple[Phrases, str]:
        """The phrases of a feature and the data's own name in it."""
        family, named = family_of(feature)
        phrases = PHRASES[self.language].get(family) or PHRASES[self.language]["attribute_<name>"]
        return phrases, (named or feature).replace("_", " ").strip()

    def _measure(self, feature: str, value: float | str | None) -> Measure:
        spec = spec_of(feature, is_number=isinstance(value, float))
        unit = "" if spec is None else spec.unit
        return Measure(feature=feature, unit=unit, language=self.language, currency=self.currency)


def told(published: Any, wording: Wording) -> list[dict[str, Any]]:
    """The reasons of a published record with their sentences, the strongest first.

    `published` is what `Explanation.to_json` wrote; None and a plain list of reasons, as earlier
    versions published them, are read too.
    """
    reasons = published.get("reasons", []) if isinstance(published, Mapping) else published or []
    made = [{"fact": None} | reason | {"sentence": wording.reason(reason)} for reason in reasons]
    return sorted(made, key=lambda reason: -abs(float(reason["delta_probability"])))


def explained(published: Any, wording: Wording) -> dict[str, Any]:
    """What a reader is told of why: `cohort_probability`, `contributions` by group and `reasons`.

    From what was published of a deal or lead; see `told`.
    """
    found = published if isinstance(published, Mapping) else {}
    return {
        "cohort_probability": found.get("cohort_probability"),
        "contributions": found.get("contributions", {}),
        "reasons": told(published, wording),
    }
