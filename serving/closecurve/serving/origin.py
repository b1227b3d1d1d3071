"""Forms are taken from our own pages only: another site cannot make a reader's browser act."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from closecurve.serving.problems import Problem

OWN_SITE = "same-origin"
"""What a browser says in Sec-Fetch-Site of a request that a page of the same origin made."""


def is_own(request: Request) -> bool:
    """Whether a page of this service sent the request, as far as the browser tells.

    Sec-Fetch-Site where there is one; over plain HTTP browsers leave it out, and Origin, else
    Referer, must name the host that was asked. A request without any of them is refused.
    """
    headers = request.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == OWN_SITE
    sender = headers.get("origin") or headers.get("referer") or ""
    host = headers.get("host", "")
    return bool(host) and _host_of(sender) == host.lower()


def own_form(request: Request) -> None:
    """Raises Problem `origin-foreign` for a form that no page of ours sent."""
    if not is_own(request):
        raise Problem("origin-foreign")


OwnForm = Annotated[None, Depends(own_form)]


def _host_of(address: str) -> str:
    """Host and port of an address; empty for what is none ("null", a broken one)."""
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""
