"""Sales processes and their stages, with the fixed rates of the classic weighted funnel."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from closecurve.crm.errors import UsageError


class StageKind(StrEnum):
    """Whether a deal in the stage is still worked on, or how it ended."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a process: `fixed_rate` is its win rate in the classic funnel, in 0..1."""

    name: str
    kind: StageKind = StageKind.OPEN
    fixed_rate: float | None = None
    expected_days: float | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise UsageError("stage-name", f"a stage has a name, got {self.name!r}")
        if self.fixed_rate is not None and not 0 <= self.fixed_rate <= 1:
            raise UsageError(
                "stage-rate",
                f"a fixed rate lies in 0..1, got {self.fixed_rate!r} for stage {self.name!r}",
            )
        if self.expected_days is not None and not self.expected_days > 0:
            raise UsageError(
                "stage-days",
                f"expected_days is above 0, got {self.expected_days!r} for stage {self.name!r}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A sales process: its stages in order; a deal belongs to one process.

    >>> process = Process(name="default", stages=(Stage(name="Proposal", fixed_rate=0.4),))
    >>> process.order_of("Proposal")
    1
    """

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if not any(stage.kind is StageKind.OPEN for stage in self.stages):
            raise UsageError(
                "process-stages", f"a process has an open stage, got none in {self.name!r}"
            )
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise UsageError(
                "process-stages", f"a stage is named once, got {doubled} in process {self.name!r}"
            )

    @property
    def open_stages(self) -> tuple[Stage, ...]:
        """The stages in which a deal is worked on, in order."""
        return tuple(stage for stage in self.stages if stage.kind is StageKind.OPEN)

    def order_of(self, name: str) -> int | None:
        """The place of a stage counted from 1; None for a stage that the process does not know."""
        return next((i for i, stage in enumerate(self.stages, 1) if stage.name == name), None)


DEFAULT_PROCESS = Process(
    name="default",
    stages=(
        Stage(name="Qualification", fixed_rate=0.1),
        Stage(name="Needs analysis", fixed_rate=0.4),
        Stage(name="Proposal", fixed_rate=0.6),
        Stage(name="Negotiation", fixed_rate=0.8),
        Stage(name="Closing", fixed_rate=0.9),
        Stage(name="Won", kind=StageKind.WON),
        Stage(name="Lost", kind=StageKind.LOST),
    ),
)
"""The five-stage funnel at 10 / 40 / 60 / 80 / 90 % that most teams start from."""


def process_named(processes: Sequence[Process], name: str) -> Process:
    """The process of that name. Raises UsageError where there is none."""
    for process in processes:
        if process.name == name:
            return process
    known = [process.name for process in processes]
    raise UsageError("process-unknown", f"a process is one of {known}, got {name!r}")
