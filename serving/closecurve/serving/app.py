"""The application: the routes of the API, the pages, and what guards them."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI

from closecurve.serving import problems
from closecurve.serving.limits import BodyLimit, Faults, Hosts, SecurityHeaders
from closecurve.serving.live import Scorers
from closecurve.serving.routers import (
    backtest,
    changes,
    company,
    deals,
    forecast,
    funnel,
    leads,
    stalls,
    targets,
)
from closecurve.serving.service import Clock, Service, utc_now
from closecurve.serving.web import (
    backtest_page,
    changes_page,
    forecast_page,
    funnel_page,
    leads_page,
    models_page,
    pages,
    stalls_page,
    targets_page,
)
from closecurve.stores.results import ResultsStore

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TAGS = [
    {"name": "leads", "description": "Whom to call first."},
    {"name": "deals", "description": "What each open deal will become, and when."},
    {"name": "stalls", "description": "Which deals stand still, and what to do."},
    {"name": "company", "description": "The quarter, the funnel and the models."},
    {"name": "service", "description": "The service itself."},
]


def create_app(
    *,
    results: ResultsStore,
    bundles_dir: Path,
    allowed_hosts: Sequence[str] = LOOPBACK,
    most_body_bytes: int = 1_000_000,
    clock: Clock = utc_now,
) -> FastAPI:
    """The service over the published results.

    It reads `results`, and opens the sealed model of the last publication from `bundles_dir` when
    the first record is posted to be scored. Requests to a host that is not in `allowed_hosts` and
    bodies above `most_body_bytes` are refused. `clock` gives the instant now, naive in UTC.
    """
    app = FastAPI(
        title="Closecurve",
        summary="Close curves for sales teams: probabilities, dates, grades and a forecast.",
        version=version("closecurve"),
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    scorers = Scorers(results=results, bundles_dir=bundles_dir)
    app.state.service = Service(results=results, scorers=scorers, clock=clock)
    problems.install(app)
    for router in (
        *(
            backtest.router,
            changes.router,
            leads.router,
            deals.router,
            company.router,
            forecast.router,
            funnel.router,
            stalls.router,
            targets.router,
        ),
        *(pages.router, leads_page.router, stalls_page.router),
        *(
            backtest_page.router,
            changes_page.router,
            models_page.router,
            forecast_page.router,
            funnel_page.router,
            targets_page.router,
        ),
    ):
        app.include_router(router)
    _guard(app, allowed_hosts, most_body_bytes)
    return app


def _guard(app: FastAPI, allowed_hosts: Sequence[str], most_body_bytes: int) -> None:
    """The last one added is the outermost."""
    hosts = [f"[{host}]" if ":" in host else host for host in allowed_hosts]
    app.add_middleware(BodyLimit, most_body_bytes=most_body_bytes)
    app.add_middleware(Hosts, allowed_hosts=hosts)
    app.add_middleware(Faults)
    app.add_middleware(SecurityHeaders)
