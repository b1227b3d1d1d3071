"""The processes of a mapping: which stages there are, their order, how they end, their rates."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from closecurve.crm.guess.draft import Entry, Section, Value
from closecurve.crm.guess.moves import no_moves, order_by_moves, rates_by_moves
from closecurve.crm.guess.names import normal
from closecurve.crm.guess.outcome import outcome_word, truths
from closecurve.crm.guess.roles import RoleGuess
from closecurve.crm.guess.seen import overlap

_KNOWN_ORDER: Final = (
    "new prospecting appointmentscheduled qualify qualification qualified qualifiedtobuy 待开发"
    " 线索 contactmade 初步接触 discovery 意向 develop needsanalysis 需求分析 需求确认"
    " presentationscheduled demoscheduled demo valueproposition 方案演示 iddecisionmakers"
    " decisionmakerboughtin perceptionanalysis 入围 propose proposition proposal"
    " proposalmade proposalpricequote 方案报价 报价 quote contractsent negotiationreview"
    " negotiation negotiationsstarted 商务谈判 谈判 commit close closing 签约 成交"
).split()
"""Stages that CRMs begin with, in their order."""

LAST_RATE: Final = 0.9
FIRST_RATE: Final = 0.1
"""Between these, open stages are spaced evenly where neither deals nor the CRM say a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageList:
    """The CRM's own list of stages, by the value that deals have.

    `renamed` has the name of each stage where deals have ids.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    order: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    won: frozenset[str] = frozenset()
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """Deals of the sample by row: id, stage (renamed), process, won / lost / null, the CRM's own
    probability (0..1); their moves; whether an outcome follows from the stage; the stage list."""

    deals: pd.DataFrame
    moves: pd.DataFrame = field(default_factory=no_moves)
    tells_stages: bool = False
    listed: StageList = field(default_factory=StageList)


def stage_list(role: RoleGuess | None, values: pd.Series) -> StageList:
    """What a table of stages says; `values` are the stages of the deals, ids or names."""
    if role is None:
        return StageList()
    table, columns = role.table, role.columns
    name = _in_one_language(table.rows[columns["name"]].str.strip())
    ids = table.rows[columns["id"]].str.strip() if "id" in columns else name
    by_id = overlap(values, ids) > overlap(values, name)
    if max(overlap(values, ids), overlap(values, name)) == 0:
        return StageList()
    won = columns.get("is_won")
    is_won = table.rows[won].isin(truths(table, won)) if won else pd.Series(False, name.index)
    return StageList(
        renamed=dict(zip(ids, name, strict=True)) if by_id else {},
        order=_numbers(name, table.rows[columns["order"]]) if "order" in columns else {},
        rates=_numbers(name, _shares(table.rows[columns["probability"]]))
        if "probability" in columns
        else {},
        won=frozenset(name[is_won]),
        label=table.label,
    )


def _in_one_language(names: pd.Series) -> pd.Series:
    """Odoo's database has names in every language, as JSON: the first one counts."""
    return names.str.replace(r'^\{"\w+": *"([^"]*)".*\}$', r"\1", regex=True)


def _numbers(name: pd.Series, values: pd.Series) -> dict[str, float]:
    numbers = pd.to_numeric(values, errors="coerce")
    return {str(n): float(v) for n, v in zip(name, numbers, strict=True) if pd.notna(v)}


def _shares(values: pd.Series) -> pd.Series:
    """Probabilities as shares: CRMs write them out of 1 or out of 100."""
    numbers = pd.to_numeric(values.str.rstrip("% "), errors="coerce")
    shares = numbers / 100 if numbers.max() > 1 else numbers
    return shares.clip(0, 1).astype("str")


def probability_shares(values: pd.Series) -> pd.Series:
    """A column of the CRM's probabilities as numbers in 0..1."""
    return pd.to_numeric(_shares(values.astype("str")), errors="coerce")


def guess_processes(facts: StageFacts) -> list[Section]:
    """A section for each process, the one with most deals first; none where there are no stages."""
    process = facts.deals["process"]
    names = [str(each) for each in process.value_counts().index] or ["default"]
    made = (_process(name, facts, process) for name in names)
    return [section for section in made if section is not None]


def _process(name: str, facts: StageFacts, process: pd.Series) -> Section | None:
    is_ours = (process == name) if process.notna().any() else pd.Series(True, process.index)
    deals = facts.deals[is_ours]
    moves = facts.moves[facts.moves["deal_id"].isin(deals["deal_id"])]
    now = deals[["deal_id", "stage"]].dropna()
    seen = pd.concat([moves["stage"], deals["stage"]]).dropna()
    stages = [str(each) for each in dict.fromkeys(seen)]
    if process.nunique() <= 1:
        stages = list(dict.fromkeys([*stages, *facts.listed.order]))
    kinds = {stage: _kind(stage, deals, facts) for stage in stages}
    opened = [stage for stage in stages if kinds[stage] == "open"]
    if not opened:
        return None
    ordered, order_why = _ordered(opened, moves, deals, facts.listed)
    visits = pd.concat([moves, now]) if len(moves) else moves
    rates, rates_why = _rates(ordered, visits, deals, facts.listed)
    listed: list[Value] = [{"name": s, "fixed_rate": round(rates[s], 2)} for s in ordered]
    ends = [s for kind in ("won", "lost") for s in stages if kinds[s] == kind]
    listed += [{"name": stage, "kind": kinds[stage]} for stage in ends]
    is_told = bool(ends) or bool(deals["said"].notna().any())
    entries = (
        Entry(key="name", value=name, sure=None),
        Entry(key="stages", value=listed, why=_ends_why(kinds), sure=is_told),
    )
    return Section(
        name="processes", entries=entries, remarks=(order_why, rates_why), is_listed=True
    )


def _ends_why(kinds: Mapping[str, str]) -> str:
    ends = [repr(stage) for stage, kind in kinds.items() if kind != "open"]
    if ends:
        return f"kinds: {', '.join(ends)} by name and by the deals in them, the others are open"
    return "kinds: no stage is one of won or lost deals; deals keep the stage in which they ended"


def _kind(stage: str, deals: pd.DataFrame, facts: StageFacts) -> str:
    word = outcome_word(stage)
    if stage in facts.listed.won:
        return "won"
    if word in ("won", "lost"):
        return word
    said = deals.loc[deals["stage"] == stage, "said"]
    if facts.tells_stages and len(said) and said.notna().all() and said.nunique() == 1:
        return str(said.iloc[0])
    return "open"


def _ordered(
    stages: Sequence[str], moves: pd.DataFrame, deals: pd.DataFrame, listed: StageList
) -> tuple[list[str], str]:
    """The open stages in order, and how it was found."""
    for found, why in _orders(stages, moves, deals, listed):
        if found is not None:
            return found, why
    return list(stages), "unsure: the order of the stages is that of the file; put it right here"


def _orders(
    stages: Sequence[str], moves: pd.DataFrame, deals: pd.DataFrame, listed: StageList
) -> Iterator[tuple[list[str] | None, str]]:
    yield _by_key(stages, listed.order), f"sure: the order of the stages is that of {listed.label}"
    digits = {s: float(m[0]) for s in stages if (m := re.match(r"\d+", s.strip()))}
    is_counted = len(set(digits.values())) == len(stages) and len(stages) > 1
    yield (
        _by_key(stages, digits) if is_counted else None,
        "sure: the order of the stages is that of the numbers in their names",
    )
    familiar = sorted(stages, key=_known_place)
    yield (
        order_by_moves(moves, familiar),
        "sure: the order of the stages is the one in which most deals pass through them",
    )
    mean = deals["probability"].groupby(deals["stage"]).mean().dropna()
    shares = {str(stage): float(share) for stage, share in mean.items()}
    is_told = len({shares.get(stage) for stage in stages}) == len(stages) > 1
    yield (
        _by_key(stages, shares) if is_told else None,
        "sure: the order of the stages is that of the CRM's own probabilities",
    )
    known = all(_known_place(stage) < len(_KNOWN_ORDER) for stage in stages)
    yield (
        familiar if known else None,
        "unsure: the order of the stages is the one that stages of these names have elsewhere",
    )


def _by_key(stages: Sequence[str], places: Mapping[str, float]) -> list[str] | None:
    if not all(stage in places for stage in stages):
        return None
    return sorted(stages, key=lambda stage: places[stage])


def _known_place(stage: str) -> int:
    bare = normal(re.sub(r"\(.*\)\s*$", "", stage))
    return _KNOWN_ORDER.index(bare) if bare in _KNOWN_ORDER else len(_KNOWN_ORDER)


def _rates(
    stages: Sequence[str], visits: pd.DataFrame, deals: pd.DataFrame, listed: StageList
) -> tuple[dict[str, float], str]:
    """The fixed rate of each open stage, and where it is from."""
    said = deals.set_index("deal_id")["said"]
    if rates := rates_by_moves(visits, said, stages):
        return rates, "sure: fixed_rate is the share won of the sample's closed deals that passed"
    if all(stage in listed.rates for stage in stages):
        return {s: listed.rates[s] for s in stages}, f"sure: fixed_rate is that of {listed.label}"
    opened = deals[deals["said"].isna()]
    mean = opened["probability"].groupby(opened["stage"]).mean().dropna()
    if set(stages) <= set(mean.index):
        rates = {stage: float(mean[stage]) for stage in stages}
        return rates, "sure: fixed_rate is the CRM's own probability of open deals in the stage"
    step = (LAST_RATE - FIRST_RATE) / max(len(stages) - 1, 1)
    even = {stage: FIRST_RATE + step * place for place, stage in enumerate(stages)}
    return even, "unsure: fixed_rate is evenly spaced; write what your company counts with"
