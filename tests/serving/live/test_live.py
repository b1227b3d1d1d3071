"""Scoring posted records: the answer of the night, and its refusals."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.features.reference import deal_snapshot_of
from closecurve.serving.posted import deal_record
from closecurve.serving.problems import URN
from closecurve.serving.schemas.deals import DealToScore
from closecurve.stores.results import MemoryResultsStore


def posted_deal(company: Any, deal_id: str) -> dict[str, Any]:
    """A deal of the canonical tables as somebody would post it."""
    tables = company.canonical
    deal = tables["deals"].set_index("deal_id").loc[deal_id]
    changes = tables["deal_changes"].query("deal_id == @deal_id")
    activities = tables["activities"].query("deal_id == @deal_id")
    return {
        "created_at": written(deal["created_at"]),
        "as_of": written(company.as_of),
        "stage": deal["stage"],
        "amount": deal["amount"],
        "currency": deal["currency"],
        "expected_close_date": deal["expected_close_date"].date().isoformat(),
        "owner_id": deal["owner_id"],
        "account_id": deal["account_id"],
        "attributes": {"product": deal["product"], "seats": deal["seats"]},
        "changes": [
            {
                "field": row["field"],
                "event_at": written(row["event_at"]),
                "known_at": written(row["known_at"]),
                "old_value": row["old_value"],
                "new_value": row["new_value"],
            }
            for row in changes.to_dict("records")
        ],
        "activities": [
            {
                "event_at": written(row["event_at"]),
                "known_at": written(row["known_at"]),
                "kind": row["kind"],
                "direction": row["direction"],
            }
            for row in activities.to_dict("records")
        ],
    }


def posted_lead(company: Any, lead_id: str) -> dict[str, Any]:
    """A lead of the canonical tables as somebody would post it."""
    lead = company.canonical["leads"].set_index("lead_id").loc[lead_id]
    return {
        "created_at": written(lead["created_at"]),
        "as_of": written(company.as_of),
        "source": lead["source"],
        "owner_id": lead["owner_id"],
    }


def written(instant: pd.Timestamp) -> str:
    return f"{instant.isoformat()}Z"


def open_ids(company: Any) -> list[str]:
    return sorted(company.night.index)


def ask(client: Any, subject: str, record: Mapping[str, Any]) -> Any:
    return client.post(f"/v1/{subject}s/score", json=record)


def code_of(response: Any) -> str:
    return str(response.json()["type"].removeprefix(URN))


def test_a_posted_deal_has_the_snapshot_that_the_night_would_make(company: Any) -> None:
    """Over every open deal: the night's row, but for the counts that hold the deal itself."""
    ids = open_ids(company)
    features = list(company.selection.columns("deal"))
    expected = company.night.loc[ids, features]
    made = pd.DataFrame(
        [
            deal_snapshot_of(
                deal_record(
                    DealToScore.model_validate(posted_deal(company, deal_id)),
                    "default",
                    company.selection.deals,
                    None,
                ),
                company.context,
                company.as_of,
                company.selection,
            )
            for deal_id in ids
        ],
        index=pd.Index(ids, name="deal_id"),
    )[features]
    own = ["owner_open_count", "account_deal_count"]
    accounts = [name for name in features if "account" in name]
    compared = [name for name in features if name not in {*own, *accounts}]
    assert len(ids) > 20
    pd.testing.assert_frame_equal(
        made[compared].astype(expected[compared].dtypes), expected[compared], rtol=0, atol=1e-9
    )
    assert (made["owner_open_count"] == expected["owner_open_count"] + 1).all()


def test_the_score_of_a_deal_is_read_off_its_curve(company: Any, live_client: Any) -> None:
    response = ask(live_client, "deal", posted_deal(company, open_ids(company)[0]))
    score = response.json()
    assert response.status_code == 200, score
    curve = score["curve"]
    assert score["win_probability_eventual"] == pytest.approx(curve["won"][-1], abs=1e-5)
    assert score["win_probability_30"] <= score["win_probability_eventual"]
    at = curve["days"].index(30.0)
    assert score["win_probability_30"] == pytest.approx(curve["won"][at], abs=1e-5)
    assert curve["won"] == sorted(curve["won"])
    assert curve["lost"] == sorted(curve["lost"])
    assert all(w + x <= 1 + 2e-5 for w, x in zip(curve["won"], curve["lost"], strict=True))
    assert score["close_q10_date"] <= score["close_q50_date"] <= score["close_q90_date"]
    assert score["quarter_name"] == "2026 Q1"
    assert score["quarter_end_date"] == "2026-03-31"
    assert score["as_of"] == written(company.as_of)
    assert score["model_version"] == "7"


def test_the_answer_is_the_models_own_for_the_nights_row(company: Any, live_client: Any) -> None:
    """The counts that hold the deal itself are one more: the night has it in them already."""
    for deal_id in open_ids(company)[:5]:
        record = posted_deal(company, deal_id) | {"account_id": None}
        score = ask(live_client, "deal", record).json()
        night = company.night.loc[[deal_id]]
        accounts = [name for name in night if name.startswith(("account_", "days_since_account"))]
        row = night.assign(
            **dict.fromkeys(accounts, None), owner_open_count=night["owner_open_count"] + 1
        )
        expected = company.deal_curve.predict_cumulative_incidence(row, [30.0, np.inf])[0, 1]
        got = [score["win_probability_30"], score["win_probability_eventual"]]
        assert got == pytest.approx(expected.tolist(), abs=1e-12)
        stall = company.stalls.predict_stall_probability(row)
        assert score["stall_probability"] == pytest.approx(stall[0], abs=1e-12)


def test_reasons_are_sentences_by_group(company: Any, live_client: Any) -> None:
    score = ask(live_client, "deal", posted_deal(company, open_ids(company)[0])).json()
    assert score["reasons"]
    assert len({reason["group"] for reason in score["reasons"]}) == len(score["reasons"])
    for reason in score["reasons"]:
        assert (reason["delta_probability"] > 0) == (reason["direction"] == "raises")
        assert reason["sentence"]


def test_a_lead_is_graded_and_gets_its_deadline(company: Any, live_client: Any) -> None:
    response = ask(live_client, "lead", posted_lead(company, "l-0"))
    score = response.json()
    assert response.status_code == 200, score
    assert score["grade"] in "ABCD"
    assert score["response_due_at"] > posted_lead(company, "l-0")["created_at"]
    assert score["conversion_probability_30"] <= score["conversion_probability_90"]
    assert score["conversion_probability_eventual"] == pytest.approx(
        score["curve"]["won"][-1], abs=1e-5
    )


@pytest.mark.parametrize(("subject", "name"), [("deal", "win"), ("lead", "conversion")])
def test_a_posted_record_carries_the_interval_of_its_probability(
    company: Any, live_client: Any, subject: str, name: str
) -> None:
    posted = {
        "deal": posted_deal(company, open_ids(company)[0]),
        "lead": posted_lead(company, "l-0"),
    }
    score = ask(live_client, subject, posted[subject]).json()
    low, high = score[f"{name}_probability_low"], score[f"{name}_probability_high"]
    assert 0 < low < score[f"{name}_probability_eventual"] < high < 1


def test_what_is_known_at_the_as_of_or_later_changes_nothing(
    company: Any, live_client: Any
) -> None:
    record = posted_deal(company, open_ids(company)[0])
    later = {"event_at": record["as_of"], "kind": "meeting", "direction": "inbound"}
    late = {
        "event_at": record["created_at"],
        "known_at": written(company.as_of + pd.Timedelta(days=1)),
        "kind": "meeting",
    }
    more = record | {"activities": [*record["activities"], later, late]}
    assert ask(live_client, "deal", more).text == ask(live_client, "deal", record).text


def test_an_attribute_that_no_model_knows_changes_nothing(company: Any, live_client: Any) -> None:
    record = posted_deal(company, open_ids(company)[0])
    more = record | {"attributes": record["attributes"] | {"shoe size": 43, "vip": True}}
    assert ask(live_client, "deal", more).text == ask(live_client, "deal", record).text


def test_a_bare_deal_and_a_bare_lead_get_an_answer(live_client: Any) -> None:
    created = {"created_at": "2026-01-05T09:30:00Z"}
    assert ask(live_client, "deal", created | {"stage": "Proposal"}).status_code == 200
    assert ask(live_client, "lead", created).status_code == 200


def test_without_an_as_of_it_is_now_even_for_a_clock_that_is_ahead(
    company: Any, live_client: Any
) -> None:
    created = company.as_of + pd.Timedelta(minutes=3)
    score = ask(live_client, "lead", {"created_at": written(created)}).json()
    assert pd.Timestamp(score["as_of"]) == (created + pd.Timedelta(microseconds=1)).tz_localize(
        "UTC"
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"created_at": "2026-03-01T00:00:00Z"}, "created-after-as-of"),
        ({"as_of": "2026-01-01T00:00:00Z"}, "created-after-as-of"),
        ({"as_of": "2026-03-01T00:00:00Z"}, "as-of-in-future"),
        ({"stage": "Nowhere"}, "record-refused"),
        ({"stage": "Won"}, "record-refused"),
        ({"process": "Nowhere"}, "record-refused"),
        ({"currency": "XXX"}, "record-refused"),
        (
            {
                "changes": [
                    {
                        "field": "stage",
                        "event_at": "2026-01-07T00:00:00Z",
                        "old_value": "Proposal",
                        "new_value": "Closing",
                    }
                ]
            },
            "record-contradicts-itself",
        ),
    ],
)
def test_a_record_that_does_not_fit_is_refused(
    live_client: Any, changed: dict[str, Any], code: str
) -> None:
    record = {"created_at": "2026-01-05T09:30:00Z", "stage": "Proposal", "currency": "USD"}
    response = ask(live_client, "deal", record | changed)
    assert response.status_code == 422
    assert code_of(response) == code


def test_a_damaged_bundle_is_never_loaded(
    company: Any, serve: Any, live_client: Any, tmp_path: Path
) -> None:
    shutil.copytree(company.bundles_dir, tmp_path / "bundles")
    for trees in (tmp_path / "bundles").glob("*/deal_curve/trees_0.txt"):
        trees.write_text(trees.read_text("utf-8")[:-200], "utf-8")
    app = serve(company.store, bundles_dir=tmp_path / "bundles", clock=lambda: company.as_of)
    record = {"created_at": "2026-01-05T09:30:00Z", "stage": "Proposal"}
    response = ask(type(live_client)(app), "deal", record)
    assert response.status_code == 503
    assert code_of(response) == "model-unavailable"


def test_a_publication_without_a_lead_or_stall_model_says_so(
    company: Any, serve: Any, publication: Any, live_client: Any
) -> None:
    store = MemoryResultsStore()
    store.publish(publication(company.as_of, bundle_digest=company.digest_without_leads))
    app = serve(store, bundles_dir=company.bundles_dir, clock=lambda: company.as_of)
    created = {"created_at": "2026-01-05T09:30:00Z"}
    response = ask(type(live_client)(app), "lead", created)
    assert code_of(response) == "model-absent"
    score = ask(type(live_client)(app), "deal", created | {"stage": "Proposal"}).json()
    assert 0 < score["win_probability_eventual"] < 1
    assert score["stall_probability"] is None
