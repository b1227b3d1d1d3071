"""What the funnel's page says in sentences: the shape, the leaks, concentration, the season."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from closecurve.serving.web.wording import SPACE, days, money, number, percent

Row = Mapping[str, Any]

EMPTY_LEVEL = 0.5
"""A level with less than half of its usual deals is pointed at."""
SURE = 0.05
HOLDERS = {"owner": ("owner", "owners"), "account": ("account", "accounts")}


def shape_words(metrics: Mapping[str, Row], stages: Sequence[Row], currency: str) -> list[Row]:
    """The four measures of the shape: name, term, value and a sentence; those that are known."""
    told = (
        ("volume", _volume(metrics, stages)),
        ("slope", _slope(metrics)),
        ("evenness", _evenness(metrics, stages)),
        ("cycle_q50_days", _speed(metrics)),
    )
    shown = {
        "volume": lambda value: money(value, currency),
        "slope": percent,
        "evenness": percent,
        "cycle_q50_days": days,
    }
    return [
        {
            "title": metrics[name]["title"],
            "value": shown[name](metrics[name]["value"]),
            "sentence": said,
        }
        for name, said in told
        if name in metrics
    ]


def _volume(metrics: Mapping[str, Row], stages: Sequence[Row]) -> str:
    count = sum(row["deal_count"] for row in stages)
    usual = sum(row["usual_count"] or 0.0 for row in stages)
    return f"in {number(count)} open deals; on a mean day of the past year it held {number(usual)}"


def _slope(metrics: Mapping[str, Row]) -> str:
    if "slope" not in metrics:
        return ""
    row = metrics["slope"]
    return (
        f"are left from level to level ({percent(row['low'])} to {percent(row['high'])}):"
        " the more, the less steeply it narrows"
    )


def _evenness(metrics: Mapping[str, Row], stages: Sequence[Row]) -> str:
    thin = thin_levels(stages)
    if thin:
        named = ", ".join(
            f"{row['stage']} ({number(row['deal_count'])} deals, usually"
            f" {number(row['usual_count'])})"
            for row in thin
        )
        return f"nearly empty: {named}. A hole here is a hole in a coming period's revenue"
    return "of its usual number of deals is in the emptiest level: no level is empty"


def thin_levels(stages: Sequence[Row]) -> list[Row]:
    """The levels that hold less than half of their usual deals."""
    return [
        row
        for row in stages
        if row["usual_count"] and row["deal_count"] < EMPTY_LEVEL * row["usual_count"]
    ]


def _speed(metrics: Mapping[str, Row]) -> str:
    later = metrics.get("cycle_q80_days")
    said = "or less from creation to the win, for half of the deals won"
    return said if later is None else f"{said}; {days(later['value'])} or less for four in five"


def leak_sentence(row: Row, currency: str) -> str:
    """A leak in one sentence, with its size in deals and money."""
    since = {
        "past": "in the past 91 days; after as long stays the year before would have let through",
        "peers": "in the past year; of as long stays the others let through",
    }[row["against"]]
    worth = (
        f", worth {money(row['lost_money'], currency)}"
        f" ({money(max(row['lost_money_low'], 0.0), currency)} to"
        f" {money(row['lost_money_high'], currency)})"
        if row["lost_money"] is not None
        else ""
    )
    return (
        f"{percent(row['conversion_rate'])} of the deals decided in {row['stage']} got further"
        f" {since} {percent(row['expected_rate'])}: {points(row['drop'])} fewer"
        f" ({points(row['drop_low'])} to {points(row['drop_high'])}). Some"
        f" {number(row['missing_count'])} deals are missing{worth}."
    )


def points(share: float) -> str:
    """A difference of shares, in points.

    >>> points(0.174).replace(SPACE, " ")
    '17 points'
    """
    return f"{share * 100:.0f}{SPACE}points"


def seen_sentence(rows: Sequence[Row]) -> str:
    """What could have been seen: the detectable drops, smallest and largest."""
    told = sorted(
        (row["detectable_drop"], row["stage"]) for row in rows if row["detectable_drop"] is not None
    )
    if not told:
        return "There are too few deals to tell a leak from luck in any stage."
    (least, first), (most, last) = told[0], told[-1]
    said = f"A drop of {points(least)} in {first}"
    if last != first:
        said += f", or of {points(most)} in {last},"
    return f"{said} would have been found four times in five."


def concentration_sentence(row: Row) -> str:
    """How many carry three quarters of the revenue, and whether luck explains it."""
    one, many = HOLDERS[row["holder_kind"]]
    count = row["rule_count"]
    carry = f"1 {one} carries" if count == 1 else f"{number(count)} {many} carry"
    by_luck = row["gini_low"] <= row["luck_gini_high"]
    luck = (
        "no more uneven than luck alone would make it"
        if by_luck
        else "more uneven than luck alone would make it"
    )
    risk = " The revenue is at risk." if row["is_at_risk"] else ""
    return (
        f"{carry} three quarters of the won revenue, of {number(row['holder_count'])}"
        f" ({percent(row['rule_share'])}); the largest has {percent(row['top_share'])}, the three"
        f" largest {percent(row['top_three_share'])}. That is {luck}.{risk}"
    )


def season_sentences(row: Row, currency: str) -> Iterator[str]:
    """The verdict first, then growth, the swing of the year, and what could have been seen."""
    if row["verdict"] == "not-enough-history":
        yield (
            f"Not enough history: {number(row['month_count'])} whole months of won revenue, and a"
            " usual swing is told from a fall with 36."
        )
        return
    if row["verdict"] == "fall":
        yield (
            f"An abnormal fall: since {row['fall_month']:%B %Y} won revenue is"
            f" {percent(row['fall'])} below what season and trend let expect"
            f" ({percent(max(row['fall_low'], 0.0))} to {percent(row['fall_high'])}), which is"
            f" {money(row['monthly_loss'], currency)} a month."
        )
    else:
        yield "The usual swing: no lasting fall beyond what season, trend and chance explain."
    yield from _swing(row)
    if row["detectable_fall"] is not None:
        yield (
            f"A fall of {percent(row['detectable_fall'])} that began six months ago would have"
            " been found four times in five."
        )
    else:
        yield "Months differ so much that hardly any fall of the last six months could be told."


def _swing(row: Row) -> Iterator[str]:
    trend = f"The trend is {_signed(row['growth_a_year'])} a year"
    if row["swing_p_value"] is None or row["swing_p_value"] > SURE:
        yield f"{trend}; the months of the year differ by no more than chance makes them."
        return
    year = row["months"][-12:]
    top, low = (pick(year, key=lambda month: month["season"])["month"] for pick in (max, min))
    most, least = (pick(month["season"] for month in year) for pick in (max, min))
    yield (
        f"{trend}. In a usual year {top:%B} is the strongest month ({_signed(most)} against an"
        f" average one) and {low:%B} the weakest ({_signed(least)})."
    )


def _signed(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{percent(abs(share))}"
