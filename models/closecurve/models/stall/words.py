"""The sentences of flags, in English and in Chinese, made when they are read."""

from collections.abc import Mapping
from typing import Any

from closecurve.crm.errors import UsageError
from closecurve.models.explanation.words import LANGUAGES
from closecurve.models.stall.rules import TOGETHER

Record = Mapping[str, Any]

REASONS = {
    "en": {
        "silence": "No activity for {value} days; 8 of 10 won deals in this stage had one within"
        " {bound}.",
        "pushed": "Expected close pushed {value} times.",
        "dwell": "{value} days in this stage; 8 of 10 won deals left it within {bound}.",
        "overdue": "Past its expected close by {value} {days}.",
    },
    "zh": {
        "silence": "已有 {value} 天没有跟进；本阶段赢单商机中十之有八在 {bound} 天内有跟进。",
        "pushed": "预计成交日已推迟 {value} 次。",
        "dwell": "在本阶段停留 {value} 天；赢单商机中十之有八在 {bound} 天内离开。",
        "overdue": "已超过预计成交日 {value} 天。",
    },
}
FACTS = {
    "en": {
        "silence": "Deals silent for longer stalled {rate}, others {other_rate}.",
        "pushed": "Deals pushed twice or more stalled {rate}, others {other_rate}.",
        "dwell": "Deals that stayed longer stalled {rate}, others {other_rate}.",
        "overdue": "Deals past their date stalled {rate}, others {other_rate}.",
    },
    "zh": {
        "silence": "超过此期限未跟进的商机停滞 {rate}，其余 {other_rate}。",
        "pushed": "推迟两次以上的商机停滞 {rate}，其余 {other_rate}。",
        "dwell": "停留更久的商机停滞 {rate}，其余 {other_rate}。",
        "overdue": "已过预计成交日的商机停滞 {rate}，其余 {other_rate}。",
    },
}
CAUSES = {
    "en": {
        "upper": "The customer has not decided, or nobody called.",
        "middle": "The customer hesitates, or has gone to a competitor.",
        "lower": "Something inside the customer holds it up.",
    },
    "zh": {
        "upper": "客户尚未决定，或无人跟进。",
        "middle": "客户犹豫不决，或转向竞争对手。",
        "lower": "客户内部有事耽搁。",
    },
}
STEPS = {
    "en": {
        "upper:silence": "Call, and agree on a next appointment or close the deal.",
        "upper:pushed": "Ask whether there is a project and a budget; without them, let it go.",
        "upper:dwell": "Decide whether the customer is serious; if not, stop spending time.",
        "upper:overdue": "Call, and set a close date that the customer has named.",
        "upper:together": "Call, and ask for the next step and its date.",
        "middle:silence": "Visit or call, and ask what else is being looked at.",
        "middle:pushed": "Ask what must happen before a date holds, and who decides.",
        "middle:dwell": "Ask what is missing: a proof, a comparison, a person to convince.",
        "middle:overdue": "Ask for the customer's own timetable, and set the date by it.",
        "middle:together": "Ask where the customer stands, and what a competitor offers.",
        "lower:silence": "Reach the person who signs, and learn what goes on inside.",
        "lower:pushed": "Go through the customer's own approvals, step by step and by name.",
        "lower:dwell": "Let the manager speak with the decision maker.",
        "lower:overdue": "Find who holds the signature up, and agree on a day with them.",
        "lower:together": "Go through what is left until the signature with the customer.",
    },
    "zh": {
        "upper:silence": "致电客户，约定下一次沟通，否则关闭商机。",
        "upper:pushed": "确认是否立项、是否有预算；没有就放下。",
        "upper:dwell": "判断客户是否有诚意；没有就不再投入时间。",
        "upper:overdue": "致电客户，由客户给出成交日期。",
        "upper:together": "致电客户，问清下一步和时间。",
        "middle:silence": "拜访或致电，了解客户还在考虑谁。",
        "middle:pushed": "问清日期落实的前提，以及由谁决定。",
        "middle:dwell": "问清还缺什么：验证、对比，还是需要说服的人。",
        "middle:overdue": "了解客户自己的时间表，据此定日期。",
        "middle:together": "了解客户的想法，以及竞争对手的方案。",
        "lower:silence": "找到签字的人，了解内部情况。",
        "lower:pushed": "逐步、逐人梳理客户的内部审批。",
        "lower:dwell": "由主管与决策人沟通。",
        "lower:overdue": "找出谁在耽搁签字，与其约定日期。",
        "lower:together": "与客户一起梳理签约前的剩余事项。",
    },
}
CHECKPOINT_NAMES = {
    "en": {
        "weekly_review": "weekly review",
        "follow_up": "15-day follow-up",
        "decision": "30-day decision",
    },
    "zh": {"weekly_review": "每周检视", "follow_up": "15 天跟进", "decision": "30 天决断"},
}


def reason_sentence(reason: Record, language: str = "en") -> str:
    """A published reason in words, with the population fact behind it where there is one.

    >>> reason_sentence({"code": "pushed", "value": 3.0, "bound": 2.0, "fact": None})
    'Expected close pushed 3 times.'
    """
    value, bound = whole(reason["value"]), whole(reason["bound"])
    days = "day" if value == "1" else "days"
    said = _in(language, REASONS)[reason["code"]].format(value=value, bound=bound, days=days)
    gap = " " if language == "en" else ""
    return f"{said}{gap}{_fact_sentence(reason, language)}".rstrip()


def _fact_sentence(reason: Record, language: str) -> str:
    """How often deals that stood so stalled, and others; empty where it is not known."""
    fact = reason["fact"]
    if fact is None:
        return ""
    shown = {name: f"{100 * fact[name]:.0f}%" for name in ("rate", "other_rate")}
    return str(_in(language, FACTS)[reason["code"]].format(**shown))


def cause_sentence(funnel_part: str, language: str = "en") -> str:
    """What usually holds deals up in a part of the funnel."""
    return str(_in(language, CAUSES)[funnel_part])


def step_sentence(next_step: str, language: str = "en") -> str:
    """What to do next, by part of the funnel and reason.

    >>> step_sentence("lower:dwell")
    'Let the manager speak with the decision maker.'
    """
    steps: Mapping[str, str] = _in(language, STEPS)
    part = next_step.partition(":")[0]
    return steps.get(next_step, steps[f"{part}:{TOGETHER}"])


def checkpoint_name(checkpoint: str | None, language: str = "en") -> str | None:
    """The missed checkpoint by name; None where none was missed."""
    return None if checkpoint is None else str(_in(language, CHECKPOINT_NAMES)[checkpoint])


def whole(value: float) -> str:
    """A count or a number of days without fractions; a day that has begun is one.

    >>> whole(0.4), whole(12.6)
    ('1', '13')
    """
    return f"{max(round(value), 1):,}"


def _in(language: str, words: Mapping[str, Any]) -> Any:
    if language not in words:
        raise UsageError("language-unknown", f"a language is one of {LANGUAGES}, got {language!r}")
    return words[language]
