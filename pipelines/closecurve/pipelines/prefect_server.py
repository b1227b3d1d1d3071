"""Prefect's server on a socket that `prefect_home` listens on: requests wait there until it is up.

As Prefect's own temporary server, without its pages and its background services.
"""

import socket
import sys

import uvicorn
from prefect.server.api.server import create_app


def serve(number: int) -> None:
    """Serve on the listening socket of a file number, until the process is told to end."""
    app = create_app(ephemeral=True, final=True)
    config = uvicorn.Config(app, log_level="error", lifespan="on")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=number)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
