"""`closecurve init`: an event log, full exports and row versions give the history that a mapping
written by hand gives."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from closecurve.cli import main
from closecurve.stores.history import HistoryStore

Run = Callable[..., tuple[object, str]]

WON = '{ name = "Closed Won", kind = "won" }'
COMPARED = ("deals", "deal_changes", "activities", "accounts", "owners")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process, in the test's own folder: exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("closecurve.pipelines.steps.history_quality", lambda _: ())

    def called(*words: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        said = capsys.readouterr()
        return left.value.code or 0, said.out + said.err

    return called


def history(home: str) -> dict[str, pd.DataFrame]:
    frames = HistoryStore(Path(home)).current().frames()
    return {name: frames[name] for name in COMPARED}


def check_like_hand_written(run: Run, stages: str, by_hand: str) -> str:
    """Both mappings of the folder `export` give one history; returns the guessed file."""
    assert run("init", "--from", "export")[0] == 0
    status, said = run("import", "--home", "guessed")
    assert status == 0, said
    listed = [*(f'{{ name = "{each}" }}' for each in stages.split(", ")), WON]
    process = f'[[processes]]\nname = "default"\nstages = [{", ".join(listed)}]\n'
    head = '[company]\nname = "Test"\ncurrency = "USD"\n'
    Path("hand.toml").write_text(f"{head}{process}[import]\nfolder = 'export'\n{by_hand}", "utf-8")
    status, said = run("import", "--home", "wanted", "--config", "hand.toml")
    assert status == 0, said
    guessed, wanted = history("guessed"), history("wanted")
    for name in COMPARED:
        assert_frame_equal(guessed[name], wanted[name])
    assert len(guessed["deal_changes"])
    return Path("closecurve.toml").read_text("utf-8")


def write(name: str, text: str) -> None:
    path = Path("export") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


DAYS = {
    "2025-01-05": "D1,2025-01-01,Qualification,100,open,Anna\n"
    "D2,2025-01-02,Qualification,50,open,Ben\n"
    "D3,2025-01-02,Proposal,70,open,Ben\n",
    "2025-01-06": "D1,2025-01-01,Proposal,100,won,Anna\n"
    "D2,2025-01-02,Qualification,55,open,Ben\n"
    "D3,2025-01-02,Proposal,70,open,Ben\n",
    "2025-01-07": "D1,2025-01-01,Proposal,100,won,Anna\nD2,2025-01-02,Proposal,55,lost,Carl\n",
}
HEADER = "deal_id,created_at,stage,amount,status,owner\n"
COLUMNS = 'stage = "stage", amount = "amount", outcome = "status", owner_id = "owner"'
BY_DAY = f"""
[sources.deals]
path = "PATH"
[changes.deals]
key = "deal_id"
at = AT
full = true
columns = {{ {COLUMNS} }}
[tables.deals]
from = "deals_last"
columns = {{ {COLUMNS} }}
[tables.deal_changes]
from = "deals_changes"
columns = {{ deal_id = "key" }}
"""


@pytest.mark.parametrize("sign", ["-", ""])
def test_full_exports_with_a_day_in_their_names(sign: str, run: Run) -> None:
    for day, rows in DAYS.items():
        write(f"deals{sign}{day.replace('-', sign)}.csv", HEADER + rows)
    at = "\"strptime(regexp_extract(_file, '[0-9].*[0-9]'), 'D')\""
    day = at.replace("'D'", f"'%Y{sign}%m{sign}%d'")
    by_hand = BY_DAY.replace("PATH", "deals*.csv").replace("AT", day)
    text = check_like_hand_written(run, "Qualification, Proposal", by_hand)
    assert "records that a later export lacks (1 in the sample) count as deleted" in text
    changes = history("guessed")["deal_changes"]
    ends = changes[changes["field"] == "outcome"].set_index("deal_id")["new_value"]
    assert ends.to_dict() == {"D1": "won", "D2": "lost", "D3": "deleted"}


@pytest.mark.parametrize("column", ["snapshot_date", "快照日期"])
def test_full_exports_in_one_file_with_a_column_of_the_day(column: str, run: Run) -> None:
    rows = [f"{day},{row}" for day, text in DAYS.items() for row in text.splitlines()]
    write("deals.csv", f"{column},{HEADER}" + "\n".join(rows) + "\n")
    by_hand = BY_DAY.replace("PATH", "deals.csv").replace("AT", f"'\"{column}\"'")
    check_like_hand_written(run, "Qualification, Proposal", by_hand)


def test_accounts_of_every_day_are_those_of_the_last(run: Run) -> None:
    for day, rows in DAYS.items():
        write(f"deals-{day}.csv", HEADER.replace("owner", "account_id") + rows)
        write(f"accounts-{day}.csv", f"account_id,name,industry\nAnna,A,{day[-1]}\nBen,B,x\n")
    assert run("init", "--from", "export")[0] == 0
    assert run("import", "--home", "guessed")[0] == 0
    assert history("guessed")["accounts"]["industry"].tolist() == ["7", "x"]


def test_exports_of_open_deals_alone_are_not_called_full(run: Run) -> None:
    for day, deal in (("2025-01-05", "D1"), ("2025-01-06", "D2"), ("2025-01-07", "D1")):
        write(f"deals-{day}.csv", f"{HEADER}{deal},2025-01-01,Proposal,100,open,Anna\n")
    assert run("init", "--from", "export")[0] == 0
    assert "full = true" not in Path("closecurve.toml").read_text("utf-8")


AUDIT = """{id},version,{op},{at},created_at,stage,amount
D1,1,I,2025-01-01 10:00,2025-01-01 10:00,Qualification,100
D1,10,U,2025-01-05 12:00,2025-01-01 10:00,Negotiation,100
D1,9,U,2025-01-05 12:00,2025-01-01 10:00,Proposal,100
D2,1,I,2025-01-02 10:00,2025-01-02 10:00,Qualification,50
D2,2,U,2025-01-03 12:00,2025-01-02 10:00,Closed Won,70
D1,11,D,2025-01-09 08:00,,,
"""
OF_VERSIONS = """
[sources.audit]
path = "opportunity_audit.csv"
[changes.audit]
key = "ID"
at = "AT"
sequence = "version"
deleted = "OP = 'D'"
columns = { stage = "stage", amount = "amount" }
[tables.deals]
from = "audit_last"
columns = { deal_id = "ID", created_at = "created_at", stage = "stage", amount = "amount" }
[tables.deal_changes]
from = "audit_changes"
columns = { deal_id = "key" }
"""


@pytest.mark.parametrize(
    ("key", "op", "at"),
    [("opportunity_id", "operation", "valid_from"), ("商机编号", "操作类型", "更新时间")],
)
def test_a_full_row_per_write(key: str, op: str, at: str, run: Run) -> None:
    write("opportunity_audit.csv", AUDIT.format(id=key, op=op, at=at))
    by_hand = OF_VERSIONS.replace("ID", key).replace("OP", op).replace("AT", at)
    text = check_like_hand_written(run, "Qualification, Proposal, Negotiation", by_hand)
    assert "it orders rows of one time" in text


LOG = """{case},{activity},{at},{person},{amount}
C1,Request received,2025-01-01T08:00:00+01:00,Anna,100
C1,Phone call,2025-01-02T08:00:00+01:00,Ben,100
C1,Phone call,2025-01-03T08:00:00+01:00,Ben,100
C1,Offer sent,2025-01-04T08:00:00+01:00,Anna,100
C1,Contract signed,2025-01-09T08:00:00+01:00,Anna,100
C2,Request received,2025-01-02T08:00:00+01:00,Anna,200
C2,Offer sent,2025-01-03T08:00:00+01:00,Anna,200
C2,Offer declined,2025-01-05T08:00:00+01:00,Anna,200
C3,Request received,2025-01-05T08:00:00+01:00,Ben,300
C3,Phone call,2025-01-06T08:00:00+01:00,Ben,300
"""
XES = ("case:concept:name", "concept:name", "time:timestamp", "org:resource", "case:AMOUNT_REQ")
CHINESE = ("案例编号", "活动名称", "时间戳", "执行人", "金额")
OF_LOG = '''
reopen = false
[sources.log]
path = "log.csv"
[[tables.deals]]
query = """SELECT "CASE" AS deal_id, min("AT") AS created_at, max("SUM") AS amount
FROM log GROUP BY 1"""
[[tables.deal_changes]]
from = "log"
where = """"ACT" IN (STAGES)"""
columns = { deal_id = '"CASE"', field = "'stage'", new_value = '"ACT"', event_at = '"AT"' }
[[tables.deal_changes]]
from = "log"
where = """"ACT" IN (ENDS)"""
columns = { deal_id = '"CASE"', field = "'outcome'", new_value = '"ACT"', event_at = '"AT"' }
[tables.deal_changes.values.outcome]
"Contract signed" = "won"
"Offer declined" = "lost"
"签约" = "won"
"客户拒绝" = "lost"
[tables.activities]
from = "log"
where = """"ACT" IN ('Phone call', '电话回访')"""
columns = { deal_id = '"CASE"', kind = 'lower("ACT")', event_at = '"AT"', owner_id = '"WHO"' }
'''
WORDS = {
    "Request received": "收到需求",
    "Phone call": "电话回访",
    "Offer sent": "发送方案",
    "Contract signed": "签约",
    "Offer declined": "客户拒绝",
}


def log_by_hand(columns: tuple[str, ...], *, chinese: bool) -> str:
    stages = ["Request received", "Offer sent"]
    ends = ["Contract signed", "Offer declined"]
    told = {"STAGES": stages, "ENDS": ends}
    text = OF_LOG
    for name, words in told.items():
        listed = [WORDS[each] if chinese else each for each in words]
        text = text.replace(name, ", ".join(f"'{each}'" for each in listed))
    for mark, column in zip(("CASE", "ACT", "AT", "WHO", "SUM"), columns, strict=True):
        text = text.replace(f'"{mark}"', f'"{column}"')
    return text


@pytest.mark.parametrize("columns", [XES, CHINESE])
def test_an_event_log_alone(columns: tuple[str, ...], run: Run) -> None:
    names = dict(zip(("case", "activity", "at", "person", "amount"), columns, strict=True))
    text, chinese = LOG.format(**names), columns == CHINESE
    for english, word in WORDS.items() if chinese else ():
        text = text.replace(english, word)
    write("log.csv", text)
    by_hand = log_by_hand(columns, chinese=chinese)
    stages = "收到需求, 发送方案" if chinese else "Request received, Offer sent"
    guessed = check_like_hand_written(run, stages, by_hand)
    assert "unsure: the words in the names, and no stage comes after them" in guessed


def test_an_event_log_beside_its_cases(run: Run) -> None:
    write(
        "cases.csv", "application_id,registered_at\nC1,2025-01-01\nC2,2025-01-02\nC3,2025-01-05\n"
    )
    events = LOG.format(
        case="application_id", activity="activity", at="timestamp", person="resource", amount="x"
    )
    done = [f"{line},COMPLETE" for line in events.splitlines()[1:]]
    work = ["C1,Check,2025-01-02T08:00:00+01:00,Ben,1,START"]
    work += ["C1,Check,2025-01-02T09:00:00+01:00,Ben,1,COMPLETE"]
    head = "application_id,activity,timestamp,resource,x,lifecycle"
    write("events.csv", "\n".join([head, *done, *work]) + "\n")
    assert run("init", "--from", "export")[0] == 0
    status, said = run("import", "--home", "guessed")
    assert status == 0, said
    found = history("guessed")
    moves = found["deal_changes"].query("field == 'stage'")
    assert moves["new_value"].tolist() == ["Request received", "Offer sent"] * 2 + [
        "Request received"
    ]
    ends = found["deal_changes"].query("field == 'outcome'")
    assert dict(zip(ends["deal_id"], ends["new_value"], strict=True)) == {"C1": "won", "C2": "lost"}
    kinds = found["activities"]["kind"].value_counts().to_dict()
    assert kinds == {"phone call": 3, "check": 1}


def test_a_log_whose_ends_no_word_tells_asks_for_them(run: Run) -> None:
    plain = LOG.replace("Contract signed", "Step seven").replace("Offer declined", "Step nine")
    write(
        "log.csv",
        plain.format(case="case_id", activity="activity", at="time", person="user", amount="x"),
    )
    assert run("init", "--from", "export")[0] == 0
    text = Path("closecurve.toml").read_text("utf-8")
    assert '"Step seven" = "won or lost?"' in text
    assert "write won or lost for each that ends one" in text
    status, said = run("import", "--home", "home")
    assert status == 3
    assert "outcome-unknown: Map the values under `values.outcome`" in said
