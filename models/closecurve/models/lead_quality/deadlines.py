"""By when a lead is answered and followed up: business hours on the clock of its owner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.errors import UsageError
from closecurve.models.lead_quality.policy import GRADES, GradePolicy

DAY_HOURS = 24.0


def business_hours(hours: float, calendar: FiscalCalendar) -> float:
    """Response hours as business hours: each whole 24 hours is one business day.

    So "within 2 hours" is two hours in which somebody works, and "within 24 hours" is by the same
    time of the next business day.
    """
    opens, closes = calendar.business_hours
    day = (closes.hour - opens.hour) + (closes.minute - opens.minute) / 60
    days, rest = divmod(hours, DAY_HOURS)
    return days * day + min(rest, day)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerClocks:
    """The business hours of each owner: the company's, in the owner's time zone where it is known.

    `zones` are IANA names by owner id. A name that is none is as good as unknown: people write
    many things into such a field, and a deadline is needed all the same.
    """

    company: FiscalCalendar
    zones: Mapping[str, str] = field(default_factory=dict)
    _made: dict[str, FiscalCalendar] = field(default_factory=dict, init=False, repr=False)

    def of(self, owner_id: str | None) -> FiscalCalendar:
        """The calendar by which an owner's deadlines run; None has the company's."""
        zone = self.zones.get(owner_id or "")
        if zone is None:
            return self.company
        if zone not in self._made:
            self._made[zone] = _in_zone(self.company, zone)
        return self._made[zone]


def _in_zone(calendar: FiscalCalendar, zone: str) -> FiscalCalendar:
    try:
        return replace(calendar, time_zone=zone)
    except UsageError:
        return calendar


def response_due(
    created_at: pd.Series,
    grades: Sequence[str] | NDArray[np.str_],
    owner_ids: Iterable[str | None],
    clocks: OwnerClocks,
    policy: GradePolicy,
) -> pd.Series:
    """The UTC instant by which each lead is to be answered, `created_at` being UTC too."""
    hours = [business_hours(hours, clocks.company) for hours in policy.response_hours]
    allowed = dict(zip(GRADES, hours, strict=True))
    due = [
        clocks.of(owner_id).business_deadline(instant, allowed[letter])
        for instant, letter, owner_id in zip(created_at, grades, owner_ids, strict=True)
    ]
    return pd.Series(due, index=created_at.index, dtype="datetime64[us]", name="response_due_at")


def follow_up_due(
    last_contact_at: pd.Series, grades: Sequence[str] | NDArray[np.str_], policy: GradePolicy
) -> pd.Series:
    """The UTC instant by which each answered lead is contacted again, by its grade's rhythm.

    Null where there was no contact yet.
    """
    days = dict(zip(GRADES, policy.follow_up_days, strict=True))
    rhythm = pd.Series(list(grades), index=last_contact_at.index).map(days)
    return (last_contact_at + pd.to_timedelta(rhythm, unit="D")).rename("follow_up_due_at")
