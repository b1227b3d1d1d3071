"""A posted lead judged as the night judges: by what the last publication was judged by."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from closecurve.features.records import Context, plain
from closecurve.models.lead_quality.deadlines import OwnerClocks
from closecurve.models.lead_quality.judging import Judging
from closecurve.models.lead_quality.parts import SubScoreScale
from closecurve.models.lead_quality.value import LeadValues
from closecurve.stores.results import PublicationHead

if TYPE_CHECKING:
    from closecurve.serving.bundles import Bundle


def judged_lead(
    head: PublicationHead,
    bundle: "Bundle",
    context: Context,
    row: Mapping[str, Any],
    probability: float,
    reasons: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Grade, deadlines, status, value and sub-scores of a snapshot with its probability."""
    leads = pd.DataFrame([row]).astype({"created_at": "datetime64[us]"})
    found = _judging(head, bundle).judged(
        leads, np.array([probability]), [reasons], _clocks(bundle, context), context.as_of
    )
    return {str(name): plain(value) for name, value in found.iloc[0].items()}


def _judging(head: PublicationHead, bundle: "Bundle") -> Judging:
    """What the publication was judged by; one without open leads has the policy alone."""
    published = head.summary.get("judging")
    if published is not None:
        return Judging.from_json(published)
    return Judging(
        policy=bundle.grades,
        bounds=bundle.grades.bounds,
        values=LeadValues(company=None, sources={}, fit=None),
        scale=SubScoreScale(marks={}),
    )


def _clocks(bundle: "Bundle", context: Context) -> OwnerClocks:
    zones = {owner: facts.get("time_zone") for owner, facts in context.owners.items()}
    return OwnerClocks(
        company=bundle.calendar,
        zones={owner: zone for owner, zone in zones.items() if owner and zone},
    )
