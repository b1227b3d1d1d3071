"""Lead quality: grades, deadlines, the queue, sub-scores, and what a conversion brings."""

from closecurve.models.lead_quality.deadlines import OwnerClocks, follow_up_due, response_due
from closecurve.models.lead_quality.judging import Judging, policy_from_json
from closecurve.models.lead_quality.parts import SUB_SCORES, SubScoreScale
from closecurve.models.lead_quality.policy import (
    GRADES,
    GradeKind,
    GradePolicy,
    grade_bounds,
    graded,
)
from closecurve.models.lead_quality.queue import (
    LeadStatus,
    conversion_by_grade,
    lead_status,
    queue_rank,
)
from closecurve.models.lead_quality.value import LeadValue, LeadValues

__all__ = [
    "GRADES",
    "SUB_SCORES",
    "GradeKind",
    "GradePolicy",
    "Judging",
    "LeadStatus",
    "LeadValue",
    "LeadValues",
    "OwnerClocks",
    "SubScoreScale",
    "conversion_by_grade",
    "follow_up_due",
    "grade_bounds",
    "graded",
    "lead_status",
    "policy_from_json",
    "queue_rank",
    "response_due",
]
