"""Settings: what the company is, how its CRM is read, and how the service listens.

`closecurve.toml` holds them; the environment overrides the few that differ between machines. Every
key is described in docs/settings.md, and a test holds that page and these models together.
"""

import os
import tomllib
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from closecurve.crm.calendar import WEEKDAYS, FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.crm.mapping import ImportMapping, parse_mapping
from closecurve.crm.stages import DEFAULT_PROCESS, Process, Stage, StageKind
from closecurve.models.lead_quality.policy import GradeKind, GradePolicy

IMPORT_TABLES = ("import", "sources", "changes", "tables")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Rate = Annotated[float, Field(gt=0)]


class Company(_Strict):
    """The company: its name, its currency with constant rates to it, and its calendar."""

    name: str = Field(default="My company", min_length=1, max_length=200)
    currency: Currency = "USD"
    constant_rates: dict[Currency, Rate] = {}
    rates_of: date | None = None
    time_zone: str = "UTC"
    fiscal_year_start_month: int = 1
    week_start: str = "monday"
    business_hours: tuple[time, time] = (time(9), time(18))
    business_days: tuple[str, ...] = WEEKDAYS[:5]

    @model_validator(mode="after")
    def _rates_are_of_other_currencies(self) -> Self:
        if self.currency in self.constant_rates:
            raise ValueError(f"constant_rates are of other currencies than {self.currency}")
        return self

    @property
    def has_constant_rates(self) -> bool:
        """Whether amounts are not converted at the rates of their days."""
        return bool(self.constant_rates) or self.rates_of is not None

    @property
    def calendar(self) -> FiscalCalendar:
        """The fiscal calendar. Raises UsageError where its values do not fit together."""
        return FiscalCalendar(
            year_start_month=self.fiscal_year_start_month,
            week_start=self.week_start,
            time_zone=self.time_zone,
            business_hours=self.business_hours,
            business_days=self.business_days,
        )


class StageEntry(_Strict):
    """A stage as written in `[[processes]]`."""

    name: str
    kind: StageKind = StageKind.OPEN
    fixed_rate: float | None = None
    expected_days: float | None = None


class ProcessEntry(_Strict):
    """A sales process as written in `[[processes]]`."""

    name: str = "default"
    stages: tuple[StageEntry, ...]

    def process(self) -> Process:
        """The process that the entry describes. Raises UsageError."""
        stages = tuple(Stage(**entry.model_dump()) for entry in self.stages)
        return Process(name=self.name, stages=stages)


class GradeEntry(_Strict):
    """How leads are graded, and by when each grade is answered and followed up: the fields of
    `GradePolicy`, each with its default where it is not written."""

    kind: GradeKind | None = None
    bounds: tuple[float, float, float] | None = None
    shares: tuple[float, float, float] | None = None
    capacity: tuple[float, float, float] | None = None
    response_hours: tuple[float, float, float, float] | None = None
    follow_up_days: tuple[float, float, float, float] | None = None


class LeadSettings(_Strict):
    """What else is known of leads: the attribute that holds an estimate of what one would bring."""

    amount_attribute: str | None = Field(default=None, min_length=1, max_length=200)


class FeatureSettings(_Strict):
    """Columns (`table.column`) that are used, or not, whatever the leakage guard says."""

    keep: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()


class FunnelSettings(_Strict):
    """What the funnel tells of owners, and which attributes of deals say why one was lost."""

    owner_ranking: bool = False
    loss_attributes: tuple[str, ...] = ("loss_reason", "lost_reason", "competitor")


class ServiceSettings(_Strict):
    """Where the service listens. Loopback is the default, and only it needs no sign-in."""

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    most_body_bytes: int = Field(default=1_000_000, ge=1_000, le=100_000_000)


class _Document(_Strict):
    company: Company = Company()
    processes: tuple[ProcessEntry, ...] = ()
    grades: GradeEntry = GradeEntry()
    leads: LeadSettings = LeadSettings()
    features: FeatureSettings = FeatureSettings()
    funnel: FunnelSettings = FunnelSettings()
    service: ServiceSettings = ServiceSettings()


class _Environment(BaseSettings):
    """What may differ between machines: CLOSECURVE_RESULTS_URL, CLOSECURVE_PORT."""

    model_config = SettingsConfigDict(env_prefix="CLOSECURVE_", extra="ignore", frozen=True)
    results_url: str | None = None
    port: int | None = Field(default=None, ge=0, le=65535)


class Settings(_Strict):
    """Everything that a run needs to know beside its home folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    company: Company
    calendar: FiscalCalendar
    processes: tuple[Process, ...]
    grades: GradePolicy
    leads: LeadSettings = LeadSettings()
    features: FeatureSettings = FeatureSettings()
    funnel: FunnelSettings = FunnelSettings()
    mapping: ImportMapping | None
    service: ServiceSettings
    results_url: str | None


def load(config: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from a file (None: the defaults) and the environment.

    Raises UsageError naming the file, the key, the value and the rule.
    """
    environ = os.environ if environ is None else environ
    raw = {} if config is None else _read(config)
    ours = {key: value for key, value in raw.items() if key not in IMPORT_TABLES}
    theirs = {key: value for key, value in raw.items() if key in IMPORT_TABLES}
    document = _validated(ours, config)
    environment = _environment()
    mapping = parse_mapping(theirs, config.parent, environ) if config and theirs else None
    service = document.service
    if environment.port is not None:
        service = service.model_copy(update={"port": environment.port})
    return Settings(
        company=document.company,
        calendar=document.company.calendar,
        processes=tuple(entry.process() for entry in document.processes) or (DEFAULT_PROCESS,),
        grades=_grade_policy(document.grades),
        leads=document.leads,
        features=document.features,
        funnel=document.funnel,
        mapping=mapping,
        service=service,
        results_url=environment.results_url,
    )


def _read(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            "settings-file", f"--config names a file that is there, got {str(config)!r}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "settings-file", f"the settings are TOML in UTF-8, got {str(config)!r}: {error}"
        ) from error


def _validated(raw: dict[str, Any], config: Path | None) -> _Document:
    try:
        return _Document.model_validate(raw)
    except ValidationError as error:
        raise UsageError("settings-value", f"{config}: {_first_problem(error)}") from error


def _environment() -> _Environment:
    try:
        return _Environment()
    except ValidationError as error:
        raise UsageError(
            "settings-value", f"environment CLOSECURVE_…: {_first_problem(error)}"
        ) from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    return f"{key}: {problem['msg']}, got {problem['input']!r}"


def _grade_policy(entry: GradeEntry) -> GradePolicy:
    chosen = {key: value for key, value in entry.model_dump().items() if value is not None}
    return GradePolicy(**chosen)
