"""[changes.*] of `closecurve.toml`: sources that repeat their records, and what differs between.

A full export per day and a table of row versions are the same shape: several rows of one record,
in order. What they say is derived as three more sources that [tables.*] can read.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from closecurve.crm.mapping_sections import NAME, Section, wrong

MOST_VANISHED = 0.5
"""A full export that lacks more of the records before it was more likely cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChanges:
    """Rows of `source` that are the states of records, and how their order and end is told.

    `key` is the record's id and `at` the instant at which the state was known, `sequence` what
    orders rows of one instant, `deleted` the condition of a row that says the record is gone: all
    are expressions. `columns` maps each compared field to its expression; empty means every
    column of the source that the other keys do not use. With `full` the rows of each instant are
    all records there are: one that is missing from the next instant was deleted there, and an
    instant that lacks more than the share `most_vanished` is refused.
    """

    name: str
    source: str
    key: str
    at: str
    sequence: str | None = None
    deleted: str | None = None
    where: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    full: bool = False
    most_vanished: float = MOST_VANISHED

    def __post_init__(self) -> None:
        key = f"changes.{self.name}"
        for name in self.columns:
            if not NAME.fullmatch(name):
                rule = "names fields in lower case letters, digits and _ ({ field = column })"
                raise wrong(f"{key}.columns", rule, name)
        if not 0 < self.most_vanished <= 1:
            raise wrong(f"{key}.most_vanished", "lies in 0..1", self.most_vanished)

    @property
    def changes(self) -> str:
        """The derived source with one row for each change: key, field, event_at, values."""
        return f"{self.name}_changes"

    @property
    def first(self) -> str:
        """The derived source with the first row of each record."""
        return f"{self.name}_first"

    @property
    def last(self) -> str:
        """The derived source with the last row of each record that does not say it is gone."""
        return f"{self.name}_last"

    @property
    def derived(self) -> tuple[str, str, str]:
        """The names of the three derived sources."""
        return self.changes, self.first, self.last


def parse_changes(name: str, entry: object, sources: Container[str]) -> RecordChanges:
    """The shape that an entry describes. Raises UsageError naming the key at fault."""
    section = Section(f"changes.{name}", entry)
    changes = RecordChanges(
        name=name,
        source=section.text("from", name if name in sources else None),
        key=section.needed("key", "the id of the record"),
        at=section.needed("at", "the instant of the row"),
        sequence=section.expression("sequence"),
        deleted=section.expression("deleted"),
        where=section.expression("where"),
        columns=section.expressions("columns"),
        full=section.flag("full", False),
        most_vanished=section.number("most_vanished", MOST_VANISHED),
    )
    section.close()
    return changes
