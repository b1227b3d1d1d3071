from datetime import date
from pathlib import Path

import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.stages import DEFAULT_PROCESS
from closecurve.settings import Company, ServiceSettings, load
from closecurve.settings.settings import GradeEntry, LeadSettings, ProcessEntry, StageEntry


def written(folder: Path, text: str) -> Path:
    path = folder / "closecurve.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_has_its_default() -> None:
    settings = load(None, {})
    assert settings.processes == (DEFAULT_PROCESS,)
    assert settings.service.host == "127.0.0.1"
    assert settings.mapping is None
    assert settings.grades.response_hours[:2] == (2.0, 24.0)


def test_a_file_says_company_processes_grades_and_service(tmp_path: Path) -> None:
    text = """
    [company]
    name = "汉方仪器"
    currency = "CNY"
    time_zone = "Asia/Shanghai"
    fiscal_year_start_month = 4
    [[processes]]
    stages = [{ name = "意向", fixed_rate = 0.1 }, { name = "成交", kind = "won" }]
    [grades]
    bounds = [0.4, 0.2, 0.05]
    [service]
    port = 9000
    """
    settings = load(written(tmp_path, text), {})
    assert settings.company.name == "汉方仪器"
    assert settings.calendar.year_start_month == 4
    assert settings.processes[0].open_stages[0].fixed_rate == 0.1
    assert settings.grades.bounds == (0.4, 0.2, 0.05)
    assert settings.service.port == 9000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[company]\nnmae = 'x'", r"company\.nmae"),
        ("[company]\ncurrency = 'dollars'", r"company\.currency.*got 'dollars'"),
        ("[company]\ntime_zone = 'Mars/Olympus'", "got 'Mars/Olympus'"),
        ("[company]\nconstant_rates = { EUR = 0 }", r"constant_rates\.EUR.*got 0"),
        ("[company]\nconstant_rates = { euro = 1.1 }", r"constant_rates\.euro"),
        ("[company]\nconstant_rates = { USD = 1.1 }", "of other currencies than USD"),
        ("[company]\nrates_of = 'soon'", r"company\.rates_of.*got 'soon'"),
        ("[service]\nport = 70000", r"service\.port.*got 70000"),
        ("[grades]\nbounds = [0.1, 0.2, 0.3]", "bounds fall"),
        ('[grades]\nkind = "luck"', "kind"),
        ("[grades]\nshares = [0.6, 0.5, 0.1]", "shares sum to at most 1"),
        ("[grades]\ncapacity = [-1, 2, 3]", "capacity is 0 or more"),
        ("[grades]\nfollow_up_days = [7, 7, 30]", "follow_up_days"),
        ('[leads]\namount_attribute = ""', "amount_attribute"),
        ("[[processes]]\nstages = []", "open stage"),
        ("[company\n", "TOML"),
        ("colour = 1", "colour"),
    ],
)
def test_what_cannot_be_followed_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(written(tmp_path, text), {})


def test_a_file_says_at_which_rates_sums_are_made(tmp_path: Path) -> None:
    assert not load(None, {}).company.has_constant_rates
    fixed = load(written(tmp_path, "[company]\nconstant_rates = { EUR = 1.08 }"), {}).company
    assert fixed.has_constant_rates
    assert fixed.constant_rates == {"EUR": 1.08}
    of_day = load(written(tmp_path, "[company]\nrates_of = 2026-01-01"), {}).company
    assert of_day.has_constant_rates
    assert of_day.rates_of == date(2026, 1, 1)


def test_a_file_says_how_leads_are_graded(tmp_path: Path) -> None:
    text = """
    [grades]
    kind = "capacity"
    capacity = [2, 5.5, 20]
    follow_up_days = [3, 7, 14, 60]
    [leads]
    amount_attribute = "expected_revenue"
    """
    settings = load(written(tmp_path, text), {})
    assert settings.grades.kind == "capacity"
    assert settings.grades.capacity == (2, 5.5, 20)
    assert settings.grades.follow_up_days == (3, 7, 14, 60)
    assert settings.grades.response_hours == (2, 24, 72, 168)
    assert settings.leads.amount_attribute == "expected_revenue"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got '.*none\.toml'"):
        load(tmp_path / "none.toml", {})


def test_the_environment_says_what_differs_between_machines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLOSECURVE_PORT", "0")
    monkeypatch.setenv("CLOSECURVE_RESULTS_URL", "sqlite:///elsewhere.sqlite")
    settings = load(None, {})
    assert settings.service.port == 0
    assert settings.results_url == "sqlite:///elsewhere.sqlite"


def test_an_environment_value_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECURVE_PORT", "many")
    with pytest.raises(UsageError, match="port"):
        load(None, {})


@pytest.mark.parametrize(
    "model",
    [Company, ProcessEntry, StageEntry, GradeEntry, LeadSettings, ServiceSettings],
    ids=lambda m: m.__name__,
)
def test_every_setting_is_documented(project_root: Path, model: type) -> None:
    page = (project_root / "docs/settings.md").read_text(encoding="utf-8")
    names = model.model_fields  # type: ignore[attr-defined]
    assert [name for name in names if f"| {name} |" not in page and f"`{name}`" not in page] == []
