"""What an import on top of a history found: counts, and a sentence for each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReport:
    """Deals or leads (`table`) of a new export beside those of the history.

    `new`, `deleted` and `returned` count records. `noticed` are values that changed without a
    change row, `late` are facts of a time that was known already, `moved` those among them that
    tell a known fact of another time. `kept` has, by column, the known records that the export
    states otherwise.
    """

    table: str
    new: int = 0
    deleted: int = 0
    returned: int = 0
    noticed: int = 0
    late: int = 0
    moved: int = 0
    kept: Mapping[str, int] = field(default_factory=dict)

    def joined(self, other: "SubjectReport") -> "SubjectReport":
        """The counts of two ranges of the records together."""
        counted = ("new", "deleted", "returned", "noticed", "late", "moved")
        kept = {
            name: self.kept.get(name, 0) + other.kept.get(name, 0)
            for name in {**self.kept, **other.kept}
        }
        sums = {name: getattr(self, name) + getattr(other, name) for name in counted}
        return SubjectReport(table=self.table, kept=kept, **sums)

    @property
    def corrections(self) -> int:
        """How often the export tells the past otherwise than it was known."""
        return self.moved + sum(self.kept.values())

    def sentences(self) -> Iterator[str]:
        """What a reader should know, the plainest first; nothing where nothing was found."""
        if self.new:
            yield f"{self.new:,} new {self.table}"
        if self.deleted:
            yield (
                f"{self.deleted:,} {self.table} are no longer in the export: kept, and closed out"
                " as deleted"
            )
        if self.returned:
            yield f"{self.returned:,} deleted {self.table} came back and are as they were"
        if self.noticed:
            yield f"{self.noticed:,} values of {self.table} changed without a change row"
        if self.late:
            yield f"{self.late:,} facts of {self.table} were logged after they happened"
        if self.corrections:
            yield self._corrected()

    def _corrected(self) -> str:
        told = dict(self.kept)
        if self.moved:
            told["instants of facts"] = self.moved
        listed = ", ".join(f"{name} {count:,}" for name, count in sorted(told.items()))
        return (
            f"{self.corrections:,} corrections of the past of {self.table} ({listed}): what was"
            " known stays; closecurve import --afresh takes them"
        )
