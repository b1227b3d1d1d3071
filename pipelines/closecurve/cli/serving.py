"""Starting the service from the command."""

import socket
from typing import TYPE_CHECKING

import typer

from closecurve.crm.errors import EnvironmentFailure, UsageError

if TYPE_CHECKING:
    from closecurve.pipelines.workspace import Workspace

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def run_server(workspace: "Workspace", port: int | None) -> None:
    """Serve until interrupted. Raises UsageError beyond loopback, EnvironmentFailure if taken."""
    import uvicorn

    from closecurve.serving.app import create_app

    service = workspace.settings.service
    if service.host not in LOOPBACK:
        raise UsageError(
            "service-host", f"without sign-in the service listens on loopback, got {service.host!r}"
        )
    listener = _listen(service.host, service.port if port is None else port)
    address = f"http://{service.host}:{listener.getsockname()[1]}/"
    typer.echo(f"\nServing {address}  (API: {address}docs)  Ctrl-C ends it.")
    served = create_app(
        results=workspace.results,
        bundles_dir=workspace.bundles_dir,
        allowed_hosts=service.allowed_hosts,
        most_body_bytes=service.most_body_bytes,
    )
    config = uvicorn.Config(served, log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise EnvironmentFailure(
            "port-taken", f"the service needs a free port, got {port} on {host}: {error.strerror}"
        ) from error
    return listener
