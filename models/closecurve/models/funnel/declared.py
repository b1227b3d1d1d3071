"""What the funnel measures: every metric declared once.

The API, the CSV file and docs/metrics.md are made of these declarations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from closecurve.crm.errors import UsageError

Unit = Literal["deals", "money", "share", "days", "a week", "a day", "ratio"]
Better = Literal["higher", "lower", "neither"]
Group = Literal["stock", "conversion", "dwell", "shape", "flow", "wins", "cover"]

GROUPS: dict[Group, str] = {
    "stock": "What stands in the funnel",
    "conversion": "What moves on",
    "dwell": "How long it stays",
    "shape": "The shape",
    "flow": "How fast it flows",
    "wins": "What is won",
    "cover": "Against target and date",
}

WILSON = "95 %, Wilson (1927)"
WOODRUFF = "95 %, Woodruff (1952) on the product limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelMetric:
    """A metric: what it is called, its unit, how it is worked out, and which way is better.

    `of` says whether a stage or a whole funnel has it, `interval` how its interval is made (None:
    it is a count or a sum and has none). Raises UsageError for a name that is no identifier.

    >>> METRICS["conversion_rate"].unit
    'share'
    """

    name: str
    title: str
    term: str
    group: Group
    of: Literal["stage", "funnel"]
    unit: Unit
    better: Better
    formula: str
    interval: str | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise UsageError("metric-name", f"a metric's name is an identifier, got {self.name!r}")


def metrics_page() -> str:
    """The tables of docs/metrics.md, in Markdown."""
    return "\n".join(line for group in GROUPS for line in _section(group))


def _section(group: Group) -> Iterator[str]:
    yield from (f"## {GROUPS[group]}", "")
    yield "| metric | 中文 | of | unit | better | how it is worked out | interval |"
    yield "|---|---|---|---|---|---|---|"
    for metric in METRICS.values():
        if metric.group == group:
            said = (metric.of, metric.unit, metric.better, metric.formula, metric.interval or "–")
            yield f"| `{metric.name}`: {metric.title} | {metric.term} | {' | '.join(said)} |"
    yield ""


_DECLARED = (
    FunnelMetric(
        name="deal_count",
        title="Open deals",
        term="商机数",
        group="stock",
        of="stage",
        unit="deals",
        better="higher",
        formula="deals open in the stage at the as-of",
    ),
    FunnelMetric(
        name="usual_count",
        title="Usual number of deals",
        term="常态商机数",
        group="stock",
        of="stage",
        unit="deals",
        better="neither",
        formula="days that deals spent in the stage within the window / days of the window",
    ),
    FunnelMetric(
        name="amount",
        title="Amount",
        term="金额",
        group="stock",
        of="stage",
        unit="money",
        better="higher",
        formula="sum of the amounts of the open deals, in the company's currency at the as-of rate;"
        " a deal without an amount adds 0",
    ),
    FunnelMetric(
        name="weighted_fixed",
        title="Weighted, fixed rates",
        term="加权金额（固定赢率）",
        group="stock",
        of="stage",
        unit="money",
        better="higher",
        formula="amount x the stage's fixed rate",
    ),
    FunnelMetric(
        name="weighted_history",
        title="Weighted, history's rates",
        term="加权金额（历史赢率）",
        group="stock",
        of="stage",
        unit="money",
        better="higher",
        formula="amount x the share of the deals in the stage that history saw won in the end,"
        " shrunk to the fixed rate",
    ),
    FunnelMetric(
        name="entered_count",
        title="Entered",
        term="进入数",
        group="conversion",
        of="stage",
        unit="deals",
        better="higher",
        formula="deals that first entered the stage in the period",
    ),
    FunnelMetric(
        name="conversion_rate",
        title="Stage conversion",
        term="阶段转化率",
        group="conversion",
        of="stage",
        unit="share",
        better="higher",
        formula="of the deals that entered in the period, those that reached a later stage or were"
        " won / those decided; a deal still there counts as long as it was followed"
        " (Aalen-Johansen)",
        interval=f"{WILSON}, with the deals decided as the count",
    ),
    FunnelMetric(
        name="dwell_q50_days",
        title="Days in stage, median",
        term="停留时间（中位）",
        group="dwell",
        of="stage",
        unit="days",
        better="lower",
        formula="days by which half of the stays that began in the period ended in any way; a stay"
        " that goes on counts as long as it was followed (product limit)",
        interval=WOODRUFF,
    ),
    FunnelMetric(
        name="dwell_q80_days",
        title="Days in stage, 80 % left",
        term="停留时间（80%）",
        group="dwell",
        of="stage",
        unit="days",
        better="lower",
        formula="the same for eight in ten",
        interval=WOODRUFF,
    ),
    FunnelMetric(
        name="volume",
        title="Volume",
        term="粗细",
        group="shape",
        of="funnel",
        unit="money",
        better="higher",
        formula="sum of the amounts of all open deals",
    ),
    FunnelMetric(
        name="slope",
        title="Slope",
        term="斜率",
        group="shape",
        of="funnel",
        unit="share",
        better="higher",
        formula="what is left from level to level: the geometric mean of the stage conversions of"
        " one process over the year; nearer 1 narrows less",
        interval="95 %, variances of the logarithms added up (delta method)",
    ),
    FunnelMetric(
        name="evenness",
        title="Evenness",
        term="均匀",
        group="shape",
        of="funnel",
        unit="ratio",
        better="higher",
        formula="the emptiest level's open deals / its usual number, of one process: 0 is an empty"
        " level, a hole in a coming period's revenue",
    ),
    FunnelMetric(
        name="cycle_q50_days",
        title="Flow speed: cycle, median",
        term="流速（成交周期）",
        group="flow",
        of="funnel",
        unit="days",
        better="lower",
        formula="of the deals created in the period that were won, days from creation to the win of"
        " half of them; open deals count as long as they were followed (Aalen-Johansen);"
        " null while less than half are decided, as only the quick ends are known",
        interval=WOODRUFF,
    ),
    FunnelMetric(
        name="cycle_q80_days",
        title="Cycle, 80 %",
        term="成交周期（80%）",
        group="flow",
        of="funnel",
        unit="days",
        better="lower",
        formula="the same for eight in ten",
        interval=WOODRUFF,
    ),
    FunnelMetric(
        name="moves_a_week",
        title="Moves forward",
        term="每周推进数",
        group="flow",
        of="funnel",
        unit="a week",
        better="higher",
        formula="moves to a later stage or to a win in the period / its weeks so far",
        interval="95 %, Garwood (1936)",
    ),
    FunnelMetric(
        name="velocity",
        title="Velocity",
        term="销售速度",
        group="flow",
        of="funnel",
        unit="a day",
        better="higher",
        formula="open deals x mean won amount x win rate of closed deals / median cycle, with the"
        " year's values: money a day",
    ),
    FunnelMetric(
        name="won_count",
        title="Deals won",
        term="赢单数",
        group="wins",
        of="funnel",
        unit="deals",
        better="higher",
        formula="deals won in the period",
    ),
    FunnelMetric(
        name="won_amount",
        title="Won revenue",
        term="赢单金额",
        group="wins",
        of="funnel",
        unit="money",
        better="higher",
        formula="sum of the amounts of the deals won in the period, at the rate of the win",
    ),
    FunnelMetric(
        name="won_amount_mean",
        title="Mean won amount",
        term="平均成交额",
        group="wins",
        of="funnel",
        unit="money",
        better="higher",
        formula="won revenue / deals won that have an amount",
        interval="95 %, Student's t",
    ),
    FunnelMetric(
        name="win_rate_closed",
        title="Win rate, closed deals",
        term="赢率（按关闭期）",
        group="wins",
        of="funnel",
        unit="share",
        better="higher",
        formula="deals won / deals closed in the period",
        interval=WILSON,
    ),
    FunnelMetric(
        name="win_rate_created",
        title="Win rate, created deals",
        term="赢率（按创建期）",
        group="wins",
        of="funnel",
        unit="share",
        better="higher",
        formula="of the deals created in the period, won / decided; open deals count as long as"
        " they were followed (Aalen-Johansen), never as lost; null while less than half are"
        " decided",
        interval=f"{WILSON}, with the deals decided as the count",
    ),
    FunnelMetric(
        name="lost_count",
        title="Deals lost",
        term="输单数",
        group="wins",
        of="funnel",
        unit="deals",
        better="lower",
        formula="deals lost in the period",
    ),
    FunnelMetric(
        name="pipeline_coverage",
        title="Pipeline coverage",
        term="管道覆盖率",
        group="cover",
        of="funnel",
        unit="ratio",
        better="higher",
        formula="amount of the open deals due in the period / (target - booked); a deal without an"
        " expected close is due in any period; null where there is no target or it is reached",
    ),
    FunnelMetric(
        name="slippage_rate",
        title="Slippage",
        term="延期率",
        group="cover",
        of="funnel",
        unit="share",
        better="lower",
        formula="of the deals open as the period began and due in it, those whose expected close"
        " was moved beyond its end, or that were still open there",
        interval=WILSON,
    ),
)

METRICS = {metric.name: metric for metric in _DECLARED}
"""Every metric by its name, in the order of the page."""
