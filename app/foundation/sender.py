"""Who sent a request, as far as the network tells."""

import re
from dataclasses import dataclass

_LONGEST_ADDRESS = 64
_LONGEST_AGENT = 200
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True)
class Sender:
    """
    An address, what the client calls itself, and the id under which its request is logged; nothing of it is proven.
    `from_browser` says that the request has marks which browsers leave, and which a client of another kind would not.

    All are None for who sits at the server's own command line.
    """

    address: str | None = None
    agent: str | None = None
    request_id: str | None = None
    from_browser: bool = False


NOBODY = Sender()


def sender_of(address: str | None, agent: str | None, request_id: str | None, *, from_browser: bool = False) -> Sender:
    """Tell who sent a request; what they say of themselves is cut to what fits, and to characters that are harmless."""
    return Sender(
        address=None if address is None else address[:_LONGEST_ADDRESS],
        agent=None if agent is None else _UNPRINTABLE.sub("?", agent)[:_LONGEST_AGENT],
        request_id=request_id,
        from_browser=from_browser,
    )
