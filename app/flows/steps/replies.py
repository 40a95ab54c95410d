"""Requests that carry an Idempotency-Key: done once, and answered alike as often as they come (CONTRACT 3)."""

from collections.abc import Callable
from typing import TypeVar

from app.domain import idempotency
from app.domain.idempotency import Asked, Found
from app.flows.refusals import IdempotencyKeyReusedError, MasterKeyAwayError
from app.flows.results import AlreadyDone, Caller, Once
from app.flows.steps.master_keys import must_have
from app.flows.tools import Tools
from app.foundation.database import Connection

Result = TypeVar("Result")


def line_of(caller: Caller) -> str:
    """Name who sends a request again: the same key, or the same session; not another one of the same tenant."""
    if caller.token is not None:
        return f"ses/{caller.token.session_id}"
    return f"key/{caller.key_id}"


def begin_once(connection: Connection, once: Once[Result] | None, line: str, tools: Tools) -> None:
    """
    Go on if this request was not done before; then nobody else does it until the transaction is over.

    First of all in a story's transaction, so that two of the same request do not wait for each other's locks.

    Raises:
        AlreadyDone: it was; carries the reply.
        IdempotencyKeyReusedError: the Idempotency-Key was used for another request.
        MasterKeyAwayError: its reply is sealed under a master key that this host does not have.
    """
    if once is not None:
        found = idempotency.find(connection, _asked(once, line), _secrets(tools), now=tools.clock.now())
        if found is not None:
            raise AlreadyDone(reply_of(found, tools))


def end_once(
    connection: Connection,
    once: Once[Result] | None,
    line: str,
    result: Result,
    tools: Tools,
    *,
    retired_key_id: str | None = None,
) -> None:
    """Keep the reply to this request in the transaction of what it tells."""
    if once is not None:
        asked, master = _asked(once, line), tools.master
        idempotency.remember(
            connection,
            asked,
            once.print_reply(result),
            master.id,
            master.replies,
            now=tools.clock.now(),
            retired_key_id=retired_key_id,
        )


def reply_now(
    connection: Connection, once: Once[Result] | None, line: str, make: Callable[[], Result], tools: Tools
) -> Result | None:
    """
    Make what is answered and keep the reply to it, if the request may come again.

    None leaves it for after the transaction, which then holds nothing up while something is signed.
    """
    if once is None:
        return None
    made = make()
    end_once(connection, once, line, made, tools)
    return made


def reply_to_retired(connection: Connection, once: Once[Result], key_id: str, tools: Tools) -> Found | None:
    """Find the reply by which a key has just replaced itself; None when there is none."""
    asked = _asked(once, f"key/{key_id}")
    return idempotency.find_for_retired(connection, asked, key_id, _secrets(tools), now=tools.clock.now())


def reply_of(found: Found, tools: Tools) -> idempotency.Reply:
    """Give the reply that was found; raises like `begin_once`."""
    match found:
        case idempotency.OtherRequest():
            raise IdempotencyKeyReusedError
        case idempotency.Sealed(master_id=master_id):
            must_have(master_id, tools)
            # It has come a moment ago: the client's next attempt finds it.
            raise MasterKeyAwayError
        case idempotency.Reply():
            return found


def _asked(once: Once[Result], line: str) -> Asked:
    return Asked(key=once.key, caller=line, path=once.path, body=once.body)


def _secrets(tools: Tools) -> dict[str, bytes]:
    return {master.id: master.replies for master in tools.masters.all}
