"""An access token in, the caller out."""

from app.flows import steps
from app.flows.results import Caller, Sender
from app.flows.tools import Tools
from app.foundation.sender import NOBODY


def authenticate_access_token(presented: str, tools: Tools, *, sender: Sender = NOBODY) -> Caller:
    """
    Tell who presents this token: verified from public keys alone, then held against the revocation of its session
    and of the key that signed it.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.
        sender: who sent it, as far as the network tells.

    Raises:
        InvalidAccessTokenError: not ours, not for us, or its session was revoked.
        AccessTokenExpiredError: it was good.

    Source: RFC 9068 section 4.
    """
    bearer = steps.bearer_of(presented, tools)
    with tools.database.direct() as direct:
        alive = steps.is_alive(direct, bearer.token, now=tools.clock.now())
    return steps.caller_of(bearer, sender, alive=alive)
