"""Ports of this machine."""

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator

_FIRST, _AFTER = 20_000, 32_000
# Processes that begin one after the other search a thousand ports apart.
_start = _FIRST + os.getpid() * 1_009 % (_AFTER - _FIRST)
_next: Iterator[int] = itertools.cycle([*range(_start, _AFTER), *range(_FIRST, _start)])


def free_port() -> int:
    """
    Find a port below the ephemeral range that nobody has.

    None is given again before all were: whoever asked may have to wait before it listens.
    """
    for port in itertools.islice(_next, _AFTER - _FIRST):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")
