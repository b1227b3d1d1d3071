"""The pages' routes: the overview, one deal, the API's description, and the files they load."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BeforeValidator

from closecurve.crm.errors import UsageError
from closecurve.serving.language import Language
from closecurve.serving.problems import KINDS, Problem
from closecurve.serving.schemas.common import Cursor, Text
from closecurve.serving.schemas.leads import Grade
from closecurve.serving.service import UsedService
from closecurve.serving.web import views
from closecurve.serving.web.assets import asset_named, packed
from closecurve.serving.web.rendering import page

router = APIRouter(include_in_schema=False)
FOR_A_YEAR = "public, max-age=31536000, immutable"
_EMPTY_IS_NONE = BeforeValidator(lambda value: value or None)
Choice = Annotated[Text | None, _EMPTY_IS_NONE]
CursorChoice = Annotated[Cursor | None, _EMPTY_IS_NONE]
"""A form sends the choices that nobody made too, as empty text."""


def read_filters(
    team: Annotated[Choice, Query()] = None,
    owner: Annotated[Choice, Query()] = None,
    grade: Annotated[Grade | None, _EMPTY_IS_NONE, Query()] = None,
    leads_after: Annotated[CursorChoice, Query()] = None,
    deals_after: Annotated[CursorChoice, Query()] = None,
) -> views.Filters:
    """The filters that stand in the address."""
    return views.Filters(
        team=team, owner=owner, grade=grade, leads_after=leads_after, deals_after=deals_after
    )


@router.get("/")
def overview(
    service: UsedService,
    filters: Annotated[views.Filters, Depends(read_filters)],
    language: Language,
) -> Response:
    """The overview: the quarter, the funnel, the lead queue and the deals."""
    head = service.results.latest()
    if head is None:
        return page("nothing.html")
    try:
        return page(
            "overview.html",
            view=views.overview(service, head, filters, language),
            language=language,
        )
    except UsageError as error:
        if error.code != "cursor-invalid":
            raise
        # A newer publication ends a walk over pages: it begins again with the same choice.
        return RedirectResponse(filters.address(), 303)


@router.get("/deals/{deal_id:path}")
def deal(service: UsedService, deal_id: Text, language: Language) -> HTMLResponse:
    """One deal: its curve, its reasons and its earlier scores."""
    head = service.results.latest()
    view = None if head is None else views.deal_view(service, head, deal_id, language)
    if view is None:
        return page("missing.html", status=404)
    return page("deal.html", view=view, language=language)


@router.get("/docs")
def description(request: Request) -> HTMLResponse:
    """The API's routes and problems, from its own OpenAPI document."""
    schema = request.app.openapi()
    routes = [
        {"parameters": [], **operation, "method": method.upper(), "path": path}
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return page("docs.html", schema=schema, routes=routes, problems=list(KINDS.values()))


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """A file that a page loads. Its name changes with its content, so it may be kept."""
    asset = asset_named(name)
    if asset is None:
        raise Problem("not-found")
    headers = {"cache-control": FOR_A_YEAR, "vary": "accept-encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.path.read_bytes(), media_type=asset.media_type, headers=headers)
    headers["content-encoding"] = "gzip"
    return Response(packed(asset.path), media_type=asset.media_type, headers=headers)
