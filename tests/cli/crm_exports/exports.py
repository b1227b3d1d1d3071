"""The exports of the usual CRMs, each with its own headings and what an import should find."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cli.crm_exports.chinese import CHINESE_STAGES, chinese
from tests.cli.crm_exports.dynamics import DYNAMICS_STAGES, dynamics
from tests.cli.crm_exports.hubspot import HUBSPOT_LABELS, HUBSPOT_STAGES, hubspot, hubspot_page
from tests.cli.crm_exports.odoo import ODOO_STAGES, odoo
from tests.cli.crm_exports.pipedrive import PIPEDRIVE_STAGES, pipedrive
from tests.cli.crm_exports.salesforce import SALESFORCE_STAGES, salesforce, salesforce_report


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """How a CRM writes the company, and the stages that an import should find in their order."""

    write: Callable[[Path], None]
    stages: tuple[str, ...]
    ends: tuple[str, ...] = ()
    has_moves: bool = True
    has_leads: bool = True
    has_activities: bool = True


_HUB_ENDS = ("closedwon", "closedlost")
_SHOWN_ENDS = ("Closed Won", "Closed Lost")
EXPORTS = {
    "salesforce": Export(write=salesforce, stages=SALESFORCE_STAGES, ends=_SHOWN_ENDS),
    "salesforce report": Export(
        write=salesforce_report,
        stages=SALESFORCE_STAGES,
        ends=_SHOWN_ENDS,
        has_moves=False,
        has_leads=False,
        has_activities=False,
    ),
    "hubspot": Export(write=hubspot, stages=HUBSPOT_STAGES, ends=_HUB_ENDS),
    "hubspot page": Export(
        write=hubspot_page,
        stages=HUBSPOT_LABELS,
        ends=_SHOWN_ENDS,
        has_leads=False,
        has_activities=False,
    ),
    "pipedrive": Export(write=pipedrive, stages=PIPEDRIVE_STAGES, has_leads=False),
    "odoo": Export(write=odoo, stages=ODOO_STAGES, ends=("Won",)),
    "dynamics": Export(write=dynamics, stages=DYNAMICS_STAGES, has_moves=False),
    "chinese": Export(write=chinese, stages=CHINESE_STAGES),
}
"""The exports by the name of their CRM."""
