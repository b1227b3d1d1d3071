"""What the kinds of changes are called, in English and in Chinese. Imports nothing heavy."""

from collections.abc import Mapping

KIND_NAMES: Mapping[str, tuple[str, str]] = {
    "won": ("Won", "赢单"),
    "booked": ("Won without having been open", "直接赢单"),
    "new": ("New deals", "新增商机"),
    "reopened": ("Open again", "重新打开"),
    "moved_in": ("Owner moved in", "负责人转入"),
    "pulled_in": ("Date moved into the period", "提前到本期"),
    "amount_up": ("Amount up", "金额上调"),
    "amount_down": ("Amount down", "金额下调"),
    "currency": ("Exchange rates", "汇率变动"),
    "probability_up": ("Probability up", "概率上升"),
    "probability_down": ("Probability down", "概率下降"),
    "model": ("New model", "模型更新"),
    "pushed_out": ("Date moved out of the period", "推迟出本期"),
    "moved_out": ("Owner moved out", "负责人转出"),
    "lost": ("Lost", "丢单"),
    "deleted": ("Deleted", "已删除"),
    "gone": ("No longer open, end not kept", "已关闭（结果未记录）"),
    "won_outside": ("Won in another period", "在其他周期赢单"),
    "arrivals": ("Deals yet to come", "预期新增"),
    "rule": ("Rules that scale the curves", "预测规则"),
}
"""By kind: in English, in Chinese."""


def kind_name(kind: str, language: str) -> str:
    """The name of a kind.

    >>> kind_name("won", "en"), kind_name("won", "zh")
    ('Won', '赢单')
    """
    english, chinese = KIND_NAMES[kind]
    return chinese if language == "zh" else english
