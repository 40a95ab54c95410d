"""Where a server listens: one socket for all of its workers."""

import contextlib
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from app.foundation.errors import ConfigurationError


@dataclass(frozen=True)
class Listen:
    """
    Where to listen, with how many processes and threads in each, and how long a process serves, if not for ever.

    With a path, it is a unix socket of this mode there, and host and port do not count.
    """

    host: str
    port: int
    workers: int
    threads: int
    lifetime_seconds: int | None = None
    path: Path | None = None
    mode: int = 0o660


def must_be_free(listen: Listen) -> None:
    """
    Refuse a place where somebody listens, before anything else is done; what a server that was killed left is removed.

    Raises:
        ConfigurationError: it is taken, or not ours to take.
    """
    if listen.path is None:
        _port_must_be_free(listen.host, listen.port)
    else:
        _path_must_be_free(listen.path)


def _port_must_be_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"Cannot listen on {host} port {port}: {error.strerror}. Try --port.") from error


def _path_must_be_free(path: Path) -> None:
    try:
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise ConfigurationError(f"Cannot listen on {path}: it is there, and is no socket.")
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            probe.connect(str(path))
            raise ConfigurationError(f"Cannot listen on {path}: another server does.")
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(path))
        path.unlink()
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on {path}: {error.strerror or error}.") from error
