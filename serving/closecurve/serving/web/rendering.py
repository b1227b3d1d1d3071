"""Pages from templates, with the names that every template may use."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi.responses import HTMLResponse

from closecurve.serving.web import views, wording
from closecurve.serving.web.assets import assets, plotly_style_ids

TEMPLATES = Path(__file__).parent / "templates"

NAV = (
    ("/", "Overview"),
    ("/forecast", "Forecast"),
    ("/leads", "Leads"),
    ("/stalls", "Stalls"),
    ("/funnel", "Funnel"),
    ("/targets", "Targets"),
    ("/changes", "Changes"),
    ("/backtest", "Track record"),
    ("/models", "Models"),
)
"""The pages of the company by address, in the order of the navigation."""


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template of `templates/`; a value that the template asks for is given."""
    return HTMLResponse(_templates().get_template(template).render(values), status)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "money": wording.money,
        "percent": wording.percent,
        "number": wording.number,
        "rule": wording.rule,
        "days": wording.days,
        "day": wording.day,
    }
    environment.globals |= {
        "assets": assets(),
        "nav": NAV,
        "plotly_style_ids": plotly_style_ids,
        "deal_address": views.deal_address,
        "held_to": wording.held_to,
        "lead_address": views.lead_address,
        "day_span": wording.day_span,
        "duration": wording.duration,
        "instant": wording.instant,
    }
    return environment
