"""Serves an ASGI app on a listening socket that the benchmark has opened: one process, uvloop, httptools."""

from __future__ import annotations

import socket
import sys

import uvicorn
from starlette.types import ASGIApp


def serve(app: ASGIApp) -> None:
    """Serves `app` until SIGTERM; the only argument of the program is the socket's file descriptor."""
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
