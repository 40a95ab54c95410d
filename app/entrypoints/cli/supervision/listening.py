"""Where a server listens: one socket for all of its workers."""

import socket
from dataclasses import dataclass

from app.foundation.errors import ConfigurationError


@dataclass(frozen=True)
class Listen:
    """Where to listen, with how many processes and threads in each, and how long a process serves, if not for ever."""

    host: str
    port: int
    workers: int
    threads: int
    lifetime_seconds: int | None = None


def must_be_free(host: str, port: int) -> None:
    """
    Refuse a port that somebody listens on, before anything else is done.

    Raises:
        ConfigurationError: it is taken, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"Cannot listen on {host} port {port}: {error.strerror}. Try --port.") from error
