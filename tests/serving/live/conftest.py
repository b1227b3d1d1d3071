"""A small company with a real history, real (small) models sealed from it, and its publication."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.history import history_tables, stages_frame
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.features.context import owner_facts, stage_facts
from closecurve.features.labels import deal_labels, lead_labels
from closecurve.features.records import Context
from closecurve.features.selected import Attribute, FeatureSelection, SubjectSelection
from closecurve.features.snapshot import deal_snapshots, lead_snapshots, open_deals, open_leads
from closecurve.features.tables import HistoryTables
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.files import calendar_to_json
from closecurve.models.explanation.cohort import learn_cohort, write_cohort
from closecurve.models.intervals import learn_uncertainty, write_uncertainty
from closecurve.models.lead_quality.policy import GradePolicy
from closecurve.models.stall.estimator import StallModel
from closecurve.serving.live import COMPANY_OWNER
from closecurve.stores.bundle import seal
from closecurve.stores.results import MemoryResultsStore

AS_OF = pd.Timestamp("2026-02-02 05:00")
CALENDAR = FiscalCalendar(time_zone="America/New_York")
LANDMARKS = [AS_OF - pd.Timedelta(days=30 * months) for months in range(6, -1, -1)]
SELECTION = FeatureSelection(
    deals=SubjectSelection(
        attributes=(
            Attribute(name="product", table="deals", kind="category"),
            Attribute(name="seats", table="deals", kind="number"),
        ),
        kinds=("call", "mail"),
        stages=("Qualification", "Proposal"),
    ),
    company_currency="USD",
)


def canonical(count: int = 160, seed: int = 11) -> dict[str, pd.DataFrame]:
    """A small company's canonical tables: deals that moved on, talks, leads."""
    rng = np.random.default_rng(seed)
    created = AS_OF.floor("s") - seconds(rng.uniform(5, 300, count))
    closed = created + seconds(rng.uniform(3, 120, count))
    is_closed = np.asarray(closed < AS_OF) & (rng.random(count) < 0.9)
    outcome = pd.Series(np.where(rng.random(count) < 0.4, "won", "lost")).where(is_closed)
    moved = created + seconds(rng.uniform(1, 50, count))
    has_moved = np.asarray((moved < AS_OF) & (moved < closed)) & (rng.random(count) < 0.7)
    ids = np.array([f"d-{i}" for i in range(count)])
    deals = pd.DataFrame(
        {
            "deal_id": ids,
            "created_at": created,
            "closed_at": closed.where(is_closed),
            "outcome": outcome,
            "stage": np.where(has_moved, "Proposal", "Qualification"),
            "process": "default",
            "amount": rng.lognormal(10, 1, count).round(2),
            "currency": "USD",
            "expected_close_date": (created + pd.Timedelta(days=60)).normalize(),
            "owner_id": rng.choice(["o-0", "o-1", "o-2"], count),
            "account_id": rng.choice(["a-0", "a-1"], count),
            "product": rng.choice(["Analytics", "Storage"], count),
            "seats": rng.integers(1, 90, count).astype(float),
        }
    )
    changes = pd.DataFrame(
        {
            "deal_id": ids[has_moved], "field": "stage", "event_at": moved[has_moved],
            "known_at": moved[has_moved] + pd.Timedelta(minutes=20),
            "old_value": "Qualification", "new_value": "Proposal",
        }
    )  # fmt: skip
    owners = pd.DataFrame({"owner_id": ["o-0", "o-1", "o-2"], "team": ["North", "North", "South"]})
    return {
        "deals": deals, "deal_changes": changes, "activities": talks(ids, created, rng),
        "leads": inbound(created, rng), "owners": owners,
    }  # fmt: skip


def seconds(days: Any) -> pd.TimedeltaIndex:
    """Days as whole seconds."""
    return pd.TimedeltaIndex(pd.to_timedelta((days * 86_400).astype(int), unit="s"))


def talks(ids: Any, created: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    """Calls and mails of the deals."""
    deal = rng.integers(0, len(ids), 4 * len(ids))
    at = created[deal] + seconds(rng.uniform(0, 40, len(deal)))
    return pd.DataFrame(
        {
            "deal_id": ids[deal], "event_at": at, "known_at": at,
            "kind": rng.choice(["call", "mail"], len(deal)),
            "direction": rng.choice(["inbound", "outbound"], len(deal)),
        }
    )[np.asarray(at < AS_OF)]  # fmt: skip


def inbound(created: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    """Leads, some of which converted."""
    converted = created + pd.Timedelta(days=9)
    is_converted = np.asarray(converted < AS_OF) & (rng.random(len(created)) < 0.3)
    return pd.DataFrame(
        {
            "lead_id": [f"l-{i}" for i in range(len(created))],
            "created_at": created,
            "converted_at": converted.where(is_converted),
            "source": rng.choice(["search", "event"], len(created)),
            "owner_id": "o-0",
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Company:
    """A history, models learned from it and sealed, and the publication that names them."""

    as_of: pd.Timestamp
    canonical: dict[str, pd.DataFrame]
    selection: FeatureSelection
    night: pd.DataFrame
    deal_curve: CloseCurve
    stalls: StallModel
    context: Context
    bundles_dir: Path
    digest_without_leads: str
    store: MemoryResultsStore


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory, publication: Any) -> Company:
    """The company with small models: they need to be real, not good."""
    given, bundles_dir = canonical(), tmp_path_factory.mktemp("sealed")
    tables = HistoryTables.from_frames(history_tables(given, (DEFAULT_PROCESS,)))
    panels = {"deal": deal_panel(tables), "lead": lead_panel(tables)}
    curves = {subject: curve_of(panel) for subject, panel in panels.items()}
    facts = {
        "owner_facts": owner_facts(tables, [AS_OF]).execute().drop(columns="as_of"),
        "stage_facts": stage_facts(tables, [AS_OF]).execute().drop(columns="as_of"),
    }
    context = write_context()
    stalls = stalls_of(panels["deal"])

    def write_whole(folder: Path) -> None:
        write_bundle(folder, curves, panels, context)
        stalls.save(folder / "stall")

    both = seal(write_whole, bundles_dir)
    del curves["lead"]
    alone = seal(partial(write_bundle, curves=curves, panels=panels, context=context), bundles_dir)
    store = MemoryResultsStore()
    owners = facts["owner_facts"].fillna({"owner_id": COMPANY_OWNER})
    live = {"stage_facts": facts["stage_facts"].to_dict("records"), "fx_rates": []}
    summary = publication().summary | {"live": live}
    store.publish(publication(bundle_digest=both, owner_facts=owners, summary=summary))
    night = panels["deal"].rows
    return Company(
        as_of=AS_OF,
        canonical=given,
        selection=SELECTION,
        night=night[night["as_of"] == AS_OF].set_index("deal_id"),
        deal_curve=curves["deal"],
        stalls=stalls,
        context=Context.from_frames(AS_OF, stages=stages_frame((DEFAULT_PROCESS,)), **facts),
        bundles_dir=bundles_dir,
        digest_without_leads=alone,
        store=store,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Snapshots, those of the as-of among them, and their labels."""

    rows: pd.DataFrame
    labels: pd.DataFrame


def deal_panel(tables: HistoryTables) -> Panel:
    """Snapshots of the open deals at the landmarks."""
    rows = deal_snapshots(tables, open_deals(tables, LANDMARKS), SELECTION).execute()
    return labelled(rows, "deal_id", deal_labels, tables)


def lead_panel(tables: HistoryTables) -> Panel:
    """Snapshots of the open leads at the landmarks."""
    rows = lead_snapshots(tables, open_leads(tables, LANDMARKS), SELECTION).execute()
    return labelled(rows, "lead_id", lead_labels, tables)


def labelled(rows: pd.DataFrame, key: str, labels: Any, tables: HistoryTables) -> Panel:
    """The snapshots in order; those before the as-of with labels as known there."""
    keys = [key, "as_of"]
    rows = rows.sort_values(["as_of", key], ignore_index=True)
    known = labels(tables, ibis.memtable(rows[keys]), AS_OF).execute()
    aligned = rows[keys].merge(known, on=keys, validate="one_to_one")
    return Panel(rows=rows, labels=aligned[["event", "duration_days"]])


def curve_of(panel: Panel) -> CloseCurve:
    """A small curve."""
    by = "stage" if "stage" in panel.rows else "source"
    curve = CloseCurve(calendar=CALENDAR, by=by, rounds=8, seeds=1, min_rows=20)
    return curve.fit(panel.rows.iloc[: len(panel.labels)], panel.labels)


def stalls_of(panel: Panel) -> StallModel:
    """A small stall model: who was not won by the as-of is taken for standing still."""
    rows = panel.rows.iloc[: len(panel.labels)]
    return StallModel(rounds=8).fit(rows, (panel.labels["event"] != 1).astype(float))


def write_context() -> str:
    """The file context.json, as closecurve.serving.bundles tells it."""
    context = {
        "calendar": calendar_to_json(CALENDAR),
        "processes": [asdict(DEFAULT_PROCESS)],
        "grades": asdict(GradePolicy()),
    }
    return json.dumps(context)


def write_bundle(
    folder: Path, curves: dict[str, CloseCurve], panels: dict[str, Panel], context: str
) -> None:
    """The files of a bundle."""
    for subject, curve in curves.items():
        curve.save(folder / f"{subject}_curve")
        labels, rows = panels[subject].labels, panels[subject].rows
        cohort = learn_cohort(rows[: len(labels)], labels, curve.encoding_.kinds, by=curve.by)
        write_cohort(folder / f"cohort_{subject}s.json", cohort)
        sure = learn_uncertainty(curve, None, rows[: len(labels)], labels, {"scores": {}})
        write_uncertainty(folder / f"intervals_{subject}s.json", sure)
    (folder / "selection.json").write_text(SELECTION.to_json(), "utf-8")
    (folder / "context.json").write_text(context, "utf-8")


@pytest.fixture(scope="session")
def live_client(serve: Any, client: Any, company: Company) -> Any:
    """A client of the application over the company with its models."""
    clock = partial(pd.Timestamp, company.as_of)
    return type(client)(serve(company.store, bundles_dir=company.bundles_dir, clock=clock))


@pytest.fixture(scope="session")
def live_address(serve: Any, served: Any, company: Company) -> Iterator[str]:
    """The application over the company with its models behind a real server: its address."""
    yield from served(serve(company.store, bundles_dir=company.bundles_dir))
