"""What a training settles: the settings of a curve, and the landmarks that it is learned from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.landmarks import at_arrival
from closecurve.models.held_back import Part
from closecurve.models.panel import AS_OF

LIFE, ARRIVALS = "life", "arrivals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What departs from the defaults.

    `settings` are parameters of `CloseCurve`; `window_share` is the newest part of the panel's time
    that is learned from; `landmarks` are those of the whole `life` of a record, or its `arrivals`
    alone.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    window_share: float = 1.0
    landmarks: str = LIFE

    def __post_init__(self) -> None:
        if not 0 < self.window_share <= 1:
            raise UsageError(
                "choice-window", f"a window is a share above 0, at most 1, got {self.window_share}"
            )
        if self.landmarks not in (LIFE, ARRIVALS):
            raise UsageError(
                "choice-landmarks",
                f"landmarks are those of {LIFE!r} or {ARRIVALS!r}, got {self.landmarks!r}",
            )

    def learned(self, part: Part, cutoff: pd.Timestamp) -> Part:
        """The landmarks of a part that are learned from."""
        rows = part.rows
        kept = np.ones(len(rows), dtype=np.bool_)
        if self.window_share < 1 and len(rows):
            first = cutoff - self.window_share * (cutoff - rows[AS_OF].min())
            kept &= (rows[AS_OF] >= first).to_numpy()
        if self.landmarks == ARRIVALS:
            kept &= at_arrival(rows)
        return part.where(kept)

    def fit(
        self, part: Part, cutoff: pd.Timestamp, common: Mapping[str, Any], **others: Any
    ) -> CloseCurve:
        """A curve so chosen, learned from a part as known at its cutoff.

        `common` holds what every curve of the training has, `others` win over what was chosen.
        """
        learned = self.learned(part, cutoff)
        model = CloseCurve(**{**common, **self.settings, **others})
        return model.fit(learned.rows, learned.labels)

    def joined(self, other: "Choice") -> "Choice":
        """Both departures at once; where they disagree, the other's."""
        return Choice(
            settings={**self.settings, **other.settings},
            window_share=min(self.window_share, other.window_share),
            landmarks=ARRIVALS if ARRIVALS in (self.landmarks, other.landmarks) else LIFE,
        )

    def to_json(self) -> dict[str, Any]:
        """The departures by name; empty for the defaults.

        >>> Choice(settings={"leaves": 4}, window_share=0.5).to_json()
        {'leaves': 4, 'window_share': 0.5}
        """
        window = {} if self.window_share == 1 else {"window_share": self.window_share}
        landmarks = {} if self.landmarks == LIFE else {"landmarks": self.landmarks}
        return {**self.settings, **window, **landmarks}


DEFAULTS = Choice()
