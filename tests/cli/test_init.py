"""`closecurve init`: its guess of each usual export is imported as it stands."""

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy
from tests.cli.crm_exports.company import DEALS, LEADS, calls, deals, leads
from tests.cli.crm_exports.exports import EXPORTS, Export

from closecurve.cli import main
from closecurve.crm.stages import Process
from closecurve.settings import load
from closecurve.stores.history import HistoryStore

Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process, in the test's own folder: exit code, stdout, stderr.

    The look at the quality of data, which takes most of an import, has tests of its own.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("closecurve.pipelines.steps.history_quality", lambda _: ())

    def called(*words: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return called


def rows_of(home: Path, name: str) -> pd.DataFrame:
    tables = HistoryStore(home).current().tables()
    return getattr(tables, name).execute()  # type: ignore[no-any-return]


def outcomes(home: Path, name: str) -> Mapping[str, int]:
    changes = rows_of(home, name)
    return Counter(changes.loc[changes["field"] == "outcome", "new_value"])


@pytest.mark.parametrize("crm", list(EXPORTS))
def test_the_guess_for_a_usual_export_works_as_it_is(crm: str, run: Run, tmp_path: Path) -> None:
    export = EXPORTS[crm]
    (tmp_path / "export").mkdir()
    export.write(tmp_path / "export")
    status, said, problem = run("init", "--from", "export")
    assert (status, problem) == (0, "")
    assert "Next: look at the file, then closecurve import" in said
    status, said, problem = run("import", "--home", "home", "--json")
    assert status == 0, said + problem
    assert json.loads(said)["tables"]["deals"] == {"read": DEALS, "set_aside": 0}
    ends = Counter(deal.outcome for deal in deals())
    home = tmp_path / "home"
    assert outcomes(home, "deal_changes") == {"won": ends["won"], "lost": ends["lost"]}
    check_process(load(tmp_path / "closecurve.toml").processes[0], export)
    check_amounts(home)
    check_moves(home, export)
    check_activities_and_leads(home, export)


def check_process(process: Process, export: Export) -> None:
    """The stages in their order, and rates that grow with them."""
    assert tuple(stage.name for stage in process.open_stages) == export.stages
    assert {stage.name for stage in process.stages} == {*export.stages, *export.ends}
    rates = [stage.fixed_rate or 0.0 for stage in process.open_stages]
    assert rates == sorted(rates)
    assert 0 < rates[0] < rates[-1] < 1


def check_amounts(home: Path) -> None:
    """The first amount of every deal, but for what an export adds to it or leaves out."""
    facts = rows_of(home, "deal_changes").sort_values(["deal_id", "seq"])
    first = facts[facts["field"] == "amount"].drop_duplicates("deal_id")
    off = sorted(first["new_value"].astype(float) - first["deal_id"].map(amounts(home)))
    assert len(off) == DEALS
    assert off[0] == off[-1]
    assert -100 <= off[0] <= 0.5


def amounts(home: Path) -> dict[str, int]:
    """The amounts of the made-up deals by the ids of an export: both are in one order."""
    ids = rows_of(home, "deals").sort_values("created_at", kind="stable")["deal_id"]
    return {key: deal.amount for key, deal in zip(ids, deals(), strict=True)}


def check_moves(home: Path, export: Export) -> None:
    if export.has_moves:
        facts = rows_of(home, "deal_changes").query("field == 'stage'")
        opened = facts["new_value"].isin(export.stages)
        assert opened.sum() == sum(len(deal.entered) for deal in deals())


def check_activities_and_leads(home: Path, export: Export) -> None:
    if export.has_activities:
        assert len(rows_of(home, "activities")) == len([*calls()])
    if export.has_leads:
        assert len(rows_of(home, "leads")) == LEADS
        converted = sum(lead.deal is not None for lead in leads())
        disqualified = sum(lead.is_disqualified for lead in leads())
        ends = {"converted": converted, "disqualified": disqualified}
        assert outcomes(home, "lead_changes") == ends


def test_every_guess_says_how_sure_it_is_and_live_fields_are_left_out(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "export").mkdir()
    EXPORTS["salesforce"].write(tmp_path / "export")
    run("init", "--from", "export")
    text = (tmp_path / "closecurve.toml").read_text("utf-8")
    assert "# sure: the name 'CreatedDate' and 100% dates\ncreated_at" in text
    deal = tomllib.loads(text)["tables"]["deals"]
    assert deal["attributes"] == {"type": "Type", "loss_reason": "Loss_Reason__c"}
    assert "on closed records only, so the leakage guard may set it aside\nloss_reason" in text
    assert "future): 'ExpectedRevenue', 'PushCount'" in text
    assert "LIKE '005%'" in text


def test_a_database_is_mapped_by_its_address(run: Run, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    EXPORTS["pipedrive"].write(tmp_path / "export")
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    for path in (tmp_path / "export").glob("*.csv"):
        pd.read_csv(path, dtype="str").to_sql(path.stem, engine, index=False)
    engine.dispose()
    assert run("init", "--from", "sqlite:///crm.db")[0] == 0
    status, said, _ = run("import", "--home", "home", "--json")
    assert (status, json.loads(said)["tables"]["deals"]["read"]) == (0, DEALS)
    ends = Counter(deal.outcome for deal in deals())
    assert outcomes(tmp_path / "home", "deal_changes")["won"] == ends["won"]


def test_settings_that_exist_are_never_written_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "closecurve.toml").write_text("mine", "utf-8")
    status, said, problem = run("init", "--from", "nowhere")
    assert (status, said) == (2, "")
    assert "[init-exists]" in problem
    assert (tmp_path / "closecurve.toml").read_text("utf-8") == "mine"


def test_json_names_the_tables_the_doubts_and_the_next_command(run: Run, tmp_path: Path) -> None:
    EXPORTS["salesforce report"].write(tmp_path)
    status, said, _ = run("init", "--from", ".", "--config", "guess.toml", "--json")
    told = json.loads(said)
    assert status == 0
    assert told["tables"] == {"report1700000000000.csv": "deals"}
    assert told["next"] == "closecurve import --config guess.toml"
    assert "time_zone" in {each["key"] for each in told["unsure"]}


@pytest.mark.parametrize(
    ("place", "status", "code"),
    [
        ("nowhere.csv", 2, "init-source"),
        ("empty", 2, "init-source"),
        ("notes.doc", 2, "init-source"),
        ("dateless.csv", 3, "init-no-deals"),
        ("hollow.csv", 3, "file-empty"),
        ("nosuch://me:hunter2@host/crm", 5, "database-driver"),
        ("postgresql://me:hunter2@127.0.0.1:1/crm", 5, "database-unreachable"),
    ],
)
def test_a_wrong_place_is_refused_with_one_clear_line(
    place: str, status: int, code: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.doc").write_text("nothing", "utf-8")
    (tmp_path / "dateless.csv").write_text("Id,Stage,Amount\n1,New,5\n", "utf-8")
    (tmp_path / "hollow.csv").write_text("", "utf-8")
    left, said, problem = run("init", "--from", place)
    assert (left, said) == (status, "")
    assert f"[{code}]" in problem
    assert len(problem.splitlines()) == 1
    assert "hunter2" not in problem
    assert not (tmp_path / "closecurve.toml").exists()


def test_a_table_without_a_creation_date_is_told_with_what_was_seen(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "deals.csv").write_text("Id,Stage,Amount\n1,New,5\n2,Won,7\n", "utf-8")
    problem = run("init", "--from", "deals.csv")[2]
    assert "a creation date" in problem
    assert "deals.csv with Id, Stage, Amount" in problem


LEAD_EXPORT = """Lead ID,Created Date,Status,Converted Date,Closed Date,Lead Source
1,2025-01-01,Open,,,Web
2,2025-01-02,Converted,2025-01-05,2025-01-05,Web
3,2025-01-03,Disqualified,,2025-01-09,Fair
4,2025-01-04,Disqualified,,2025-02-01,Fair
"""


def ends_of_leads(home: Path) -> dict[tuple[str, str], str]:
    changes = rows_of(home, "lead_changes").query("field == 'outcome'")
    days = changes["event_at"].dt.strftime("%m-%d")
    return dict(zip(zip(changes["lead_id"], changes["new_value"], strict=True), days, strict=True))


def test_the_day_on_which_a_lead_ended_is_that_of_its_close(run: Run, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(LEAD_EXPORT, "utf-8")
    assert run("init", "--from", "leads.csv")[0] == 0
    status, said, problem = run("import", "--home", "home")
    assert status == 0, said + problem
    assert ends_of_leads(tmp_path / "home") == {
        ("2", "converted"): "01-05",
        ("3", "disqualified"): "01-09",
        ("4", "disqualified"): "02-01",
    }


def test_leads_that_ended_on_no_known_day_are_said_to_stay_open(run: Run, tmp_path: Path) -> None:
    rows = [line.split(",") for line in LEAD_EXPORT.splitlines()]
    text = "\n".join(",".join([*row[:3], row[-1]]) for row in rows)
    (tmp_path / "leads.csv").write_text(text, "utf-8")
    said = run("init", "--from", "leads.csv")[1]
    assert "converted_at: no column has the day of a conversion" in said
    assert "disqualified_at: 'Disqualified' ends a lead, but no column has the day" in said
    status, said, problem = run("import", "--home", "home")
    assert status == 0, said + problem
    assert not ends_of_leads(tmp_path / "home")
