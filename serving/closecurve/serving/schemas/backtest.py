"""The track record: what was said at past origins, what came, and the scores beside the peers."""

from datetime import date
from typing import Literal

from closecurve.serving.schemas.common import Answer, Instant, Probability


class IntervalScore(Answer):
    """How often the `level` % interval held, by quarters: `share`, in 95 % `low` to `high`.

    `width` is its mean width over the mean actual. `verdict` fails it where the two-sided binomial
    test of 5 % does, with the number of quarters as the count.
    """

    level: int
    share: Probability
    low: Probability
    high: Probability
    width: float | None
    verdict: Literal["held", "too narrow", "too wide"]


class PeerScore(Answer):
    """A peer where it had an answer; `own_wape` and `own_pinball` are the forecast's just there."""

    origin_count: int
    wape: float | None
    bias: float | None
    pinball: float | None
    own_wape: float | None
    own_pinball: float | None


class ComponentScore(Answer):
    """The mean of a part of the forecast against what that part brought."""

    wape: float | None
    bias: float | None


class RecordScore(Answer):
    """The scores of one node over a group of origins; all but `coverage` are better nearer to 0.

    `pinball` is the mean over 10, 50 and 90 % of 2 x pinball loss, and `crps` the continuous ranked
    probability score, both over the mean actual.
    """

    scope_kind: str
    scope: str
    lead: Literal["all", "first_day", "early", "middle", "late"]
    origin_count: int
    quarter_count: int
    actual_mean: float
    wape: float | None
    bias: float | None
    pinball: float | None
    crps: float | None
    coverage: list[IntervalScore]
    components: dict[Literal["open", "new"], ComponentScore]
    peers: dict[str, PeerScore]


class RecordFailure(IntervalScore):
    """An interval that failed, and that in words."""

    scope_kind: str
    scope: str
    quarter_count: int
    sentence: str


class RecordRow(Answer):
    """One origin of one node: what was said of the quarter's won amount, and what came.

    `open_actual` came from deals known at the as-of, `new_actual` from later ones. Peers are totals
    of the quarter.
    """

    cutoff: Instant
    as_of: Instant
    period_name: str
    period_start: date
    period_end: date
    weeks_left: int
    scope_kind: str
    scope: str
    booked: float
    open_mean: float
    new_mean: float
    mean: float
    q05: float
    q10: float
    q25: float
    q50: float
    q75: float
    q90: float
    q95: float
    actual: float
    open_actual: float
    new_actual: float
    peer_weighted_fixed: float
    peer_weighted_history: float
    peer_run_rate: float | None
    peer_same_days: float | None
    peer_last_quarter: float | None
    peer_last_year: float | None
    peer_ets: float | None
    carried_by: str | None


class RecordAnswer(Answer):
    """The newest back-test of one node; `nodes` has the scores of all, over all origins."""

    backtest_id: int
    made_at: Instant
    history_id: str
    currency: str
    quarters: list[str]
    tested_count: int
    scope_kind: str
    scope: str
    scores: list[RecordScore]
    nodes: list[RecordScore]
    failures: list[RecordFailure]
    items: list[RecordRow]
