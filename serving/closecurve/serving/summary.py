"""What a publication's summary says of the company and of its models, read with care.

The summary is JSON written by the flow that published; older publications may lack what newer
ones hold, so what is absent becomes an empty value and never an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from zoneinfo import ZoneInfo

from closecurve.stores.results import PublicationHead


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The company's name, currency and time zone, the report of each model by its subject, and
    what was found of the data (`features.data_quality.Finding`), the most telling first; by subject
    how far what is open lies from what was trained on (`pipelines.drifting`); the report of the
    stall model, and what became of each grade of leads (empty, None: not known)."""

    company: str
    currency: str
    time_zone: ZoneInfo
    reports: Mapping[str, Mapping[str, Any]]
    findings: Sequence[Mapping[str, Any]] = ()
    drift: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stalls: Mapping[str, Any] = field(default_factory=dict)
    grades: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, head: PublicationHead) -> Self:
        """The summary of a publication."""
        said = head.summary
        reports = said.get("models") or {}
        return cls(
            company=said.get("company") or "",
            currency=said.get("currency") or "USD",
            time_zone=ZoneInfo(said.get("time_zone") or "UTC"),
            reports={name: report for name, report in reports.items() if report},
            findings=said.get("data_quality") or (),
            drift=said.get("drift") or {},
            stalls=(said.get("stalls") or {}).get("report") or {},
            grades=said.get("grade_conversion"),
        )

    @property
    def has_deals(self) -> bool:
        """Whether the company has deals; one of leads only has no quarter and no funnel."""
        return bool(self.reports.get("deal", {}).get("ids", 1))

    @property
    def guarded_columns(self) -> list[Mapping[str, Any]]:
        """The columns that the leakage guard set aside, and those overruled by name, each once."""
        rows = (row for report in self.reports.values() for row in report.get("columns") or ())
        told = {row["name"]: row for row in rows if row["is_overruled"] or not row["is_used"]}
        return list(told.values())

    def model_answer(self, subject: str, version: str | None) -> dict[str, Any] | None:
        """What `/v1/model` says of the model of deals or leads; None where there is none."""
        report = self.reports.get(subject)
        if report is None and version is None:
            return None
        report = report or {}
        is_better = report.get("is_better")
        return {
            "version": str(version),
            "is_better": is_better,
            "report": dict(report),
            "drift": self.drift.get(subject),
        }

    def stall_answer(self) -> dict[str, Any] | None:
        """What `/v1/model` says of the stall model; None where there is none."""
        if not self.stalls:
            return None
        return {"is_better": self.stalls.get("is_better"), "report": dict(self.stalls)}


def share_of(finding: Mapping[str, Any]) -> float:
    """The share of a table's rows that a finding is about, 0..1."""
    return finding["count"] / finding["total"] if finding["total"] else 0.0
