"""What is told of the data, each finding by hand, and nothing of what was not known yet."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.features.data_quality import CODES, Finding, data_quality
from closecurve.features.tables import HistoryTables

START, AS_OF = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-06-01")


def day(number: float) -> pd.Timestamp:
    return START + pd.Timedelta(days=number)


def deal(name: str, created: float, **more: Any) -> dict[str, Any]:
    return {"deal_id": name, "created_at": day(created), **more}


def fact(
    name: str, field: str, value: str | None, at: float, known: float | None = None
) -> dict[str, Any]:
    known_at = day(at if known is None else known)
    made = {"deal_id": name, "field": field, "new_value": value, "event_at": day(at)}
    return made | {"known_at": known_at, "seq": 1.0}


def found(
    deals: list[dict[str, Any]], facts: list[dict[str, Any]], **tables: pd.DataFrame
) -> list[Finding]:
    frames: Mapping[str, pd.DataFrame] = {
        "deals": pd.DataFrame(deals),
        "deal_changes": pd.DataFrame(facts),
        **tables,
    }
    return [*data_quality(HistoryTables.from_frames(frames), AS_OF, company_currency="EUR")]


def of(code: str, findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.code == code]


def test_open_deals_beyond_all_experience_are_counted_with_their_amount() -> None:
    deals = [
        deal("quick", 0),
        deal("slow", 0),
        deal("old", 10, currency="EUR"),
        deal("new", 60, currency="EUR"),
        deal("gone", 0),
    ]
    facts = [
        fact("quick", "outcome", "won", 5),
        fact("slow", "outcome", "lost", 40),
        fact("gone", "outcome", "deleted", 50),
        fact("old", "amount", "700", 10),
        fact("new", "amount", "900", 60),
        fact("new", "amount", "950", 70),
    ]
    (finding,) = of("over-age", found(deals, facts))
    assert (finding.count, finding.total, finding.amount, finding.days) == (1, 2, 700.0, 40.0)
    assert finding.sentence == (
        "1 of 2 open deals are older than any deal that ever closed (40 days); they are worth"
        " 700 EUR."
    )


def test_the_age_is_that_at_the_last_known_fact() -> None:
    deals = [deal("shut", 0), deal("open", 10)]
    facts = [fact("shut", "outcome", "won", 40)]
    assert of("over-age", found(deals, facts)) == []
    assert of("over-age", found(deals, [*facts, fact("open", "amount", "1", 51)])) != []


def test_late_logging_has_a_share_and_a_median_delay() -> None:
    facts = [fact("D", "amount", str(i), i, i + delay) for i, delay in enumerate((0, 1, 3, 7))]
    (finding,) = of("late", found([deal("D", 0)], facts))
    assert (finding.table, finding.count, finding.total) == ("deal_changes", 2, 4)
    assert finding.days == 5.0
    assert "2 of 4 changes of deals (50.0%)" in finding.sentence


def test_a_day_of_bulk_closing_is_named_in_the_companys_calendar() -> None:
    deals = [deal(f"D{i}", 0) for i in range(70)]
    usual = [fact(f"D{i}", "outcome", "lost", i + 1) for i in range(40)]
    bulk = [fact(f"D{i}", "outcome", "lost", 89.99) for i in range(40, 70)]
    tables = HistoryTables.from_frames(
        {"deals": pd.DataFrame(deals), "deal_changes": pd.DataFrame(usual + bulk)}
    )
    for zone, named in (("UTC", "2026-03-31"), ("Asia/Shanghai", "2026-04-01")):
        (finding,) = of("bulk-close", [*data_quality(tables, AS_OF, time_zone=zone)])
        assert (str(finding.day), finding.count, finding.total) == (named, 30, 70)


def test_twenty_nine_closes_on_a_day_are_no_bulk() -> None:
    facts = [fact(f"D{i}", "outcome", "won", 5) for i in range(29)]
    assert of("bulk-close", found([deal(f"D{i}", 0) for i in range(29)], facts)) == []


def test_open_deals_of_owners_who_left_are_counted() -> None:
    owners = pd.DataFrame(
        {
            "owner_id": ["left", "stays", "leaves"],
            "left_date": [day(20), pd.NaT, day(120)],
        }
    )
    deals = [deal(name, 0) for name in ("A", "B", "C", "shut")]
    facts = [
        fact("A", "owner_id", "left", 0),
        fact("B", "owner_id", "stays", 0),
        fact("C", "owner_id", "leaves", 0),
        fact("shut", "owner_id", "left", 0),
        fact("shut", "outcome", "won", 100),
    ]
    (finding,) = of("owner-left", found(deals, facts, owners=owners))
    assert (finding.count, finding.total) == (1, 3)
    assert finding.sentence == "1 open deals belong to 1 owner who left."


def test_what_is_missing_is_told_apart_for_open_and_closed_deals() -> None:
    deals = [
        deal("A", 0, account_id="x", sector="s"),
        deal("B", 0, account_id=None, sector=None),
        deal("C", 0, account_id="x", sector=None),
    ]
    facts = [fact("A", "outcome", "won", 5), fact("C", "outcome", "lost", 6)]
    said = {f.column: f for f in of("missing", found(deals, [*facts, fact("A", "amount", "1", 0)]))}
    assert set(said) == {"account_id", "sector", "amount"}  # what no deal has is not exported
    assert said["account_id"].sentence == (
        "account_id is missing only in open deals: 1 of 1 open deals."
    )
    assert said["sector"].sentence == (
        "sector is missing in 1 of 1 open deals, and in 1 of 2 closed deals."
    )
    assert (said["amount"].count, said["amount"].total) == (2, 3)


def test_leads_are_looked_at_in_the_same_way() -> None:
    leads = pd.DataFrame(
        {"lead_id": ["K", "L"], "created_at": [day(0), day(0)], "source": ["web", None]}
    )
    facts = pd.DataFrame([fact("K", "outcome", "converted", 3), fact("L", "owner_id", "o", 9)])
    tables = {"leads": leads, "lead_changes": facts.rename(columns={"deal_id": "lead_id"})}
    codes = {(f.code, f.table) for f in data_quality(HistoryTables.from_frames(tables), AS_OF)}
    assert codes >= {("over-age", "leads"), ("missing", "leads")}


def test_what_becomes_known_at_the_as_of_or_later_changes_nothing() -> None:
    deals = [deal("A", 0), deal("B", 10)]
    facts = [fact("A", "outcome", "won", 5), fact("B", "amount", "3", 10, 30)]
    later = [
        fact("B", "outcome", "lost", 40, 151),
        fact("A", "amount", "1", 100, 200),
        fact("A", "outcome", "open", 151),
    ]
    assert day(151) == AS_OF
    assert found([*deals, deal("C", 151)], facts + later) == found(deals, facts)


def test_findings_come_in_the_order_of_their_codes_and_go_into_json() -> None:
    findings = found(
        [deal("A", 0, currency="EUR"), deal("B", 10), deal("C", 0)],
        [fact("A", "outcome", "won", 5), fact("B", "amount", "3", 10, 30)],
    )
    places = [CODES.index(finding.code) for finding in findings]
    assert places == sorted(places)
    assert len(set(places)) == 3
    assert findings[0].to_json()["day"] is None


def test_a_history_without_any_fact_says_nothing() -> None:
    assert data_quality(HistoryTables.from_frames({}), AS_OF) == ()


@pytest.mark.parametrize(
    ("changed", "code"), [({"code": "other"}, "finding-code"), ({"count": 3}, "finding-count")]
)
def test_a_finding_checks_itself(changed: dict[str, Any], code: str) -> None:
    whole: dict[str, Any] = {"code": "late", "table": "deals", "sentence": "", "count": 1}
    with pytest.raises(UsageError) as caught:
        Finding(**{**whole, "total": 2, **changed})
    assert caught.value.code == code
