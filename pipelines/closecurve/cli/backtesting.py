"""The two kinds of back-test behind one command: at dates of one's choice, at all past quarters."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from closecurve.cli.printing import backtest_lines, record_lines
from closecurve.crm.calendar import utc
from closecurve.crm.errors import UsageError
from closecurve.pipelines.backtest import run_backtest
from closecurve.pipelines.backtest_record import MOST_QUARTERS
from closecurve.pipelines.steps import track_record
from closecurve.pipelines.workspace import Workspace

HORIZONS = "7,14,30,90"
FOLDER = Path("reports/backtest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were given. Raises UsageError for ones of both kinds."""

    cutoffs: str | None
    score_at: str | None
    horizons: str | None
    most: int | None
    weeks_apart: int | None

    def __post_init__(self) -> None:
        of_dates = {"--score-at": self.score_at, "--horizons": self.horizons}
        of_quarters = {"--most": self.most, "--weeks-apart": self.weeks_apart}
        strange = of_dates if self.cutoffs is None else of_quarters
        given = [name for name, value in strange.items() if value is not None]
        if given:
            raise UsageError(
                "backtest-options",
                "--score-at and --horizons go with --cutoffs, --most and --weeks-apart without,"
                f" got {', '.join(given)} {'without' if self.cutoffs is None else 'with'} it",
            )


def run_asked(
    workspace: Workspace, asked: Asked, out: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Run it; what is printed for machines and for people."""
    folder = out or workspace.home / FOLDER
    with workspace.locked("backtest"):
        if asked.cutoffs is None:
            metrics = track_record(
                workspace,
                most=asked.most or MOST_QUARTERS,
                weeks_apart=asked.weeks_apart or 1,
                out=folder,
            ).metrics
            return metrics, record_lines(metrics, folder)
        metrics = run_backtest(
            workspace,
            cutoffs=_instants(asked.cutoffs),
            score_at=_instants(asked.score_at) if asked.score_at else None,
            horizons=_days(asked.horizons or HORIZONS),
            out=folder,
        )
        return metrics, backtest_lines(metrics, folder)


def _instants(text: str) -> list[pd.Timestamp]:
    instants = [utc(word.strip()) for word in text.split(",") if word.strip()]
    if not instants:
        raise UsageError("instant-format", f"at least one date is given, got {text!r}")
    return sorted(set(instants))


def _days(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() and 1 <= int(word) <= 3650 for word in words):
        raise UsageError("horizons", f"horizons are days from 1 to 3650, got {text!r}")
    return sorted({int(word) for word in words})
