"""What a running service holds, and what its routes ask for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import pandas as pd
from fastapi import Depends, Request

from closecurve.serving.problems import Problem
from closecurve.stores.results import PublicationHead, ResultsStore

if TYPE_CHECKING:
    from closecurve.serving.live import Scorers

Clock = Callable[[], pd.Timestamp]


def utc_now() -> pd.Timestamp:
    """The instant now, naive in UTC."""
    return pd.Timestamp.now("UTC").tz_localize(None).as_unit("us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The stores, the models and the clock that every request is answered with."""

    results: ResultsStore
    scorers: "Scorers"
    clock: Clock


def service_of(request: Request) -> Service:
    """The service that the application was made with."""
    service: Service = request.app.state.service
    return service


def published(service: Annotated[Service, Depends(service_of)]) -> PublicationHead:
    """The last publication; one answer reads from one. Raises Problem `nothing-published`."""
    head = service.results.latest()
    if head is None:
        raise Problem("nothing-published")
    return head


UsedService = Annotated[Service, Depends(service_of)]
LastPublication = Annotated[PublicationHead, Depends(published)]
