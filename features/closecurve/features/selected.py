"""Which columns named after the data a model gets: chosen before a cutoff, kept with the model."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from closecurve.crm.errors import UsageError
from closecurve.features.catalog_specs import DEAL_SPECS, LEAD_SPECS, FeatureSpec
from closecurve.features.subjects import DEAL, SUBJECTS

ATTRIBUTE_KINDS = ("number", "category", "date")
MOST_KINDS = 12
"""Activity kinds that get columns of their own: the most frequent ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute that becomes a column.

    `table` is the history table it is read from: deals, leads or accounts (a column there),
    deal_changes or lead_changes (a field there).
    """

    name: str
    table: str
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in ATTRIBUTE_KINDS:
            raise UsageError(
                "attribute-kind", f"a kind is one of {ATTRIBUTE_KINDS}, got {self.kind!r}"
            )

    @property
    def column(self) -> str:
        """The feature column's name."""
        place = "account_" if self.table == "accounts" else ""
        if self.kind == "date":
            return f"days_since_{place}date_{self.name}"
        return f"attribute_{place}{self.name}"

    @property
    def is_date(self) -> bool:
        """Whether its values are days."""
        return self.kind == "date"

    @property
    def has_history(self) -> bool:
        """Whether its changes are known."""
        return self.table in ("deal_changes", "lead_changes")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A column (of `table`; a field where it is a table of changes) that is no feature, and why."""

    table: str
    column: str
    reason: str

    @property
    def name(self) -> str:
        """`table.column`, by which a user overrules it."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSelection:
    """The columns of deals, or those of leads.

    Raises UsageError where two columns would differ by letter case only (engines fold it).
    """

    attributes: tuple[Attribute, ...] = ()
    kinds: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for label, names in (
            ("attribute", [attribute.column for attribute in self.attributes]),
            ("kind", self.kinds),
            ("stage", self.stages),
        ):
            _check_distinct(label, names)

    @property
    def account_attributes(self) -> tuple[Attribute, ...]:
        """The attributes that are read from the account."""
        return tuple(a for a in self.attributes if a.table == "accounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSelection:
    """What becomes a column, and what was set aside.

    Raises UsageError where a kind or attribute would take the name of another feature.
    `company_currency` is the currency with rate 1; None where no deal says a currency.
    `year_start_month` is the month in which the fiscal year begins.
    """

    deals: SubjectSelection = field(default_factory=SubjectSelection)
    leads: SubjectSelection = field(default_factory=SubjectSelection)
    company_currency: str | None = None
    year_start_month: int = 1
    without: tuple[SetAside, ...] = ()

    def __post_init__(self) -> None:
        if self.year_start_month not in range(1, 13):
            raise UsageError("calendar-month", f"a month is 1 to 12, got {self.year_start_month!r}")
        for name in SUBJECTS:
            _check_distinct("column", self.columns(name))

    def subject(self, name: str) -> SubjectSelection:
        """The part of `deal` or `lead`."""
        if name not in SUBJECTS:
            raise UsageError(
                "subject-unknown", f"a subject is one of {sorted(SUBJECTS)}, got {name!r}"
            )
        return self.deals if name == DEAL.name else self.leads

    def is_without(self, table: str, column: str) -> bool:
        """Whether that column was set aside."""
        return any(item.table == table and item.column == column for item in self.without)

    def columns(self, name: str) -> tuple[str, ...]:
        """The feature columns of `deal` or `lead`, in the order of a snapshot."""
        part, specs = self.subject(name), DEAL_SPECS if name == DEAL.name else LEAD_SPECS
        dropped = self._dropped(name)
        found = (column for spec in specs for column in _members(spec, part))
        return tuple(column for column in found if column not in dropped)

    def to_json(self) -> str:
        """As JSON text, sorted: equal selections give equal texts."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "FeatureSelection":
        """The selection that `to_json` wrote. Raises UsageError for another text.

        >>> FeatureSelection.from_json(FeatureSelection().to_json()) == FeatureSelection()
        True
        """
        try:
            raw = json.loads(text)
            return cls(
                deals=_part(raw["deals"]),
                leads=_part(raw["leads"]),
                company_currency=raw["company_currency"],
                year_start_month=raw.get("year_start_month", 1),
                without=tuple(SetAside(**item) for item in raw["without"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                "selection-format", f"a selection is what to_json wrote, got {error!r}"
            ) from error

    def _dropped(self, name: str) -> set[str]:
        """The columns that fall with what was set aside."""
        table = SUBJECTS[name].record_table
        changes = SUBJECTS[name].change_table
        fallen: set[str] = set()
        for (place, column), columns in FALLS_WITH.items():
            if place in (table, changes) and self.is_without(place, column):
                fallen.update(columns)
        if self.is_without(table, "account_id"):
            fallen.update(a.column for a in self.subject(name).account_attributes)
        return fallen


FALLS_WITH = {
    ("deal_changes", "stage"): tuple(s.name for s in DEAL_SPECS if s.group == "stage"),
    ("deal_changes", "amount"): tuple(s.name for s in DEAL_SPECS if s.group == "amount"),
    ("deal_changes", "expected_close_date"): tuple(
        s.name for s in DEAL_SPECS if s.group == "expected close"
    ),
    ("deal_changes", "owner_id"): tuple(s.name for s in DEAL_SPECS if s.group == "owner"),
    ("deals", "account_id"): tuple(
        s.name for s in DEAL_SPECS if s.group == "account" and not s.is_family
    ),
    ("deals", "lead_id"): tuple(s.name for s in DEAL_SPECS if s.group == "lead"),
    ("deals", "process"): ("process",),
    ("lead_changes", "owner_id"): tuple(s.name for s in LEAD_SPECS if s.group == "owner"),
    ("leads", "source"): ("source",),
    ("leads", "region"): ("region",),
}
"""The feature columns that are made of a column which may be set aside."""


def _members(spec: FeatureSpec, part: SubjectSelection) -> Iterable[str]:
    if not spec.is_family:
        return (spec.name,)
    if spec.prefix == "days_since_stage_":
        return (f"{spec.prefix}{stage}" for stage in part.stages)
    if spec.prefix in ATTRIBUTE_FAMILIES:
        of_account, is_date = ATTRIBUTE_FAMILIES[spec.prefix]
        fitting = (a for a in part.attributes if a.is_date == is_date)
        return (a.column for a in fitting if (a.table == "accounts") == of_account)
    return (f"{spec.prefix}{kind}" for kind in part.kinds)


ATTRIBUTE_FAMILIES = {
    "attribute_": (False, False),
    "attribute_account_": (True, False),
    "days_since_date_": (False, True),
    "days_since_account_date_": (True, True),
}
"""Beginnings of the columns of attributes: whether of the account, and whether of dates."""


def _part(raw: dict[str, list[object]]) -> SubjectSelection:
    return SubjectSelection(
        attributes=tuple(Attribute(**item) for item in raw["attributes"]),  # type: ignore[arg-type]
        kinds=tuple(str(kind) for kind in raw["kinds"]),
        stages=tuple(str(stage) for stage in raw["stages"]),
    )


def _check_distinct(label: str, names: Sequence[str]) -> None:
    if len({name.casefold() for name in names}) < len(names):
        raise UsageError(
            "selection-names", f"no two {label} names are alike but for case, got {_doubled(names)}"
        )


def _doubled(names: Sequence[str]) -> list[str]:
    folded = [name.casefold() for name in names]
    return sorted({name for name in names if folded.count(name.casefold()) > 1})
