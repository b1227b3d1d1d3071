"""Import, train and score: the same again changes nothing, and nothing later is looked at."""

import numpy as np
import pandas as pd
import pytest
from tests.pipelines.conftest import Exported

from closecurve.crm.demo import DemoCompany
from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.pipelines.publication import Published
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.scoring import score_deals
from closecurve.pipelines.steps import import_history, publish_scores, train_models
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import Workspace

pytestmark = pytest.mark.xdist_group("pipelines")


def test_importing_again_changes_nothing(workspace: Workspace) -> None:
    before = workspace.history().history_id
    report = import_history(workspace)
    assert (report.history_id, report.is_new) == (before, False)


def test_training_again_gives_the_same_sealed_bundle_and_version(workspace: Workspace) -> None:
    before = the_champion(workspace)
    again = train_models(workspace)
    assert before is not None
    assert (again.version.bundle_digest, again.version.version) == (before.digest, before.version)


def test_scoring_again_changes_nothing(workspace: Workspace) -> None:
    first, second = publish_scores(workspace), publish_scores(workspace)
    assert first.publication_id == second.publication_id


def test_every_open_deal_and_lead_is_scored_once(
    published: Published, workspace: Workspace
) -> None:
    publication, tables = published.publication, workspace.history().tables()
    outcomes = tables.deal_changes.filter(tables.deal_changes.field == "outcome").execute()
    last = outcomes.sort_values(["deal_id", "event_at", "seq"]).drop_duplicates(
        "deal_id", keep="last"
    )
    closed = set(last[last["new_value"] != "open"]["deal_id"])
    open_deals = set(tables.deals.execute()["deal_id"]) - closed
    assert set(publication.deal_scores["deal_id"]) == open_deals
    assert publication.deal_scores["deal_id"].is_unique
    assert set(publication.lead_scores["grade"]) <= set("ABCD")
    assert sorted(publication.lead_scores["queue_rank"]) == list(
        range(1, len(publication.lead_scores) + 1)
    )


def test_a_published_deal_holds_together(published: Published) -> None:
    deals = published.publication.deal_scores
    ends = pd.DataFrame([{"won": c["won"][-1], "lost": c["lost"][-1]} for c in deals["curve"]])
    assert np.allclose(ends["won"], deals["win_probability_eventual"], atol=1e-5)
    assert (deals["win_probability_quarter"] <= deals["win_probability_eventual"] + 1e-9).all()
    assert (ends.sum(axis=1) <= 1 + 1e-6).all()
    dated = deals.dropna(subset=["close_q10_date", "close_q90_date"])
    assert (dated["close_q10_date"] <= dated["close_q50_date"]).all()
    assert (dated["close_q50_date"] <= dated["close_q90_date"]).all()


def test_the_parts_of_a_forecast_add_up_over_teams(published: Published) -> None:
    forecasts = published.publication.forecasts
    for _, period in forecasts.groupby("period_start"):
        company = period[period["scope_kind"] == "company"].iloc[0]
        for kind in ("team", "owner"):
            parts = period[period["scope_kind"] == kind]
            assert parts["mean"].sum() == pytest.approx(company["mean"])
            assert parts["booked"].sum() == pytest.approx(company["booked"])
        assert company["q10"] <= company["q50"] <= company["q90"]


def test_a_published_probability_can_be_computed_again(
    workspace: Workspace, published: Published
) -> None:
    champion, publication = the_champion(workspace), published.publication
    assert champion is not None
    tables, settings = workspace.history().tables(), workspace.settings
    facts = StageFacts.of(tables, publication.as_of, settings)
    again = score_deals(tables, champion.bundle, facts, settings, publication.as_of).scores
    said = publication.deal_scores["win_probability_eventual"].to_numpy()
    assert np.abs(again["win_probability_eventual"].to_numpy() - said).max() <= 1e-9


def test_a_model_is_never_asked_about_a_time_before_its_training(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="trained on what was known before"):
        publish_scores(workspace, workspace.data_end() - pd.Timedelta(days=1))


def test_scoring_without_a_history_or_a_model_says_what_comes_first(
    exported: Exported, company: DemoCompany
) -> None:
    frame = company.frames()["deals"][["deal_id", "created_at"]].head(5)
    workspace = exported(deals=frame)
    with pytest.raises(UsageError, match="imported first"):
        publish_scores(workspace)
    import_history(workspace)
    with pytest.raises(UsageError, match="trained first"):
        publish_scores(workspace)


def test_a_lost_bundle_comes_back_from_the_registry(workspace: Workspace) -> None:
    champion = the_champion(workspace)
    assert champion is not None
    (workspace.bundles_dir / champion.digest).rename(workspace.home / "lost")
    back = the_champion(workspace)
    assert back is not None
    assert back.digest == champion.digest


def test_a_damaged_bundle_is_refused_before_it_is_loaded(workspace: Workspace) -> None:
    champion = the_champion(workspace)
    assert champion is not None
    model = workspace.bundles_dir / champion.digest / "deal_curve/model.json"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(EnvironmentFailure) as caught:
        the_champion(workspace)
    assert caught.value.code == "bundle-damaged"
