"""Ports of this machine."""

import itertools
import os
import socket

_next = itertools.count(20_000 + os.getpid() % 9_000)


def free_port() -> int:
    """Find a port below the ephemeral range that nobody listens on; none is given twice."""
    for port in _next:
        if port >= 32_000:
            break
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
