"""Requests that carry an Idempotency-Key: done once, and answered alike as often as they come (CONTRACT 3)."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from app.domain import api_keys, idempotency, tenants
from app.domain.idempotency import Asked, Found
from app.flows.refusals import IdempotencyKeyReusedError
from app.flows.results import AlreadyDone, Caller, Once
from app.flows.steps.clients.client import Credential
from app.flows.steps.master_keys import Admissible, look_at_key
from app.flows.tools import Tools
from app.foundation.database import Connection

Result = TypeVar("Result")


def line_of(caller: Caller) -> str:
    """Name who sends a request again: the same key, or the same session; not another one of the same tenant."""
    if caller.token is not None:
        return f"ses/{caller.token.session_id}"
    return line_of_key(caller.key_id)


def line_of_key(key_id: str | None) -> str:
    """Name an API key likewise."""
    return f"key/{key_id}"


def line_of_secret(credential: Credential) -> str:
    """Name the API key that a credential claims to be, before anybody looks whether it is; none, by assertion."""
    presented = credential.presented
    return line_of_key(None if presented is None else presented.id)


def line_up_once(connection: Connection, once: Once[Result] | None, line: str) -> None:
    """Wait for others of the same request, for a story that locks something before it can `begin_once`."""
    if once is not None:
        idempotency.line_up(connection, _asked(once, line))


def begin_once(
    connection: Connection,
    once: Once[Result] | None,
    line: str,
    tools: Tools,
    *,
    key_rotating_until: datetime | None = None,
) -> None:
    """
    Go on if this request was not done before; then nobody else does it until the transaction is over.

    First of all in a story's transaction, so that two of the same request do not wait for each other's locks.

    Raises:
        AlreadyDone: it was; carries the reply, and the end of the grace of the key that asks.
        IdempotencyKeyReusedError: the Idempotency-Key was used for another request.
    """
    if once is not None:
        found = idempotency.find(connection, _asked(once, line), _secrets(tools), now=tools.clock.now())
        if found is not None:
            raise AlreadyDone(reply_of(found), key_rotating_until)


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
        _remember(connection, once, line, once.print_reply(result), tools, retired_key_id=retired_key_id)


def note_begun(connection: Connection, once: Once[Result] | None, line: str, tools: Tools) -> None:
    """Keep that this request was begun, when several transactions do it: its key is good for no other from now on."""
    if once is not None:
        _remember(connection, once, line, idempotency.BEGUN, tools)


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


def look_at_retired(
    connection: Connection, presented: api_keys.PresentedKey, once: Once[Result], tools: Tools
) -> tuple[Admissible, Found | None]:
    """
    Authenticate a key that has just replaced itself, and find the reply to that; rejected when there is none.

    Raises:
        MasterKeyAwayError: this host lacks the one that it hangs on.
    """
    now, asked = tools.clock.now(), _asked(once, line_of_key(presented.id))
    # First, so that without a reply all keys are alike.
    found = idempotency.find_for_retired(connection, asked, presented.id, _secrets(tools), now=now)
    if found is None:
        return api_keys.Rejected(), None
    outcome = look_at_key(connection, presented, tools, now=now, retired=True)
    tenant_id = outcome.key.tenant_id if isinstance(outcome, api_keys.Authenticated) else None
    if tenant_id is None or tenants.find(connection, tenant_id) is None:
        return api_keys.Rejected(), None
    return outcome, found


def reply_of(found: Found) -> idempotency.Reply:
    """Give the reply that was found; raises like `begin_once`."""
    if isinstance(found, idempotency.OtherRequest):
        raise IdempotencyKeyReusedError
    return found


def _remember(
    connection: Connection,
    once: Once[Result],
    line: str,
    reply: idempotency.Reply,
    tools: Tools,
    *,
    retired_key_id: str | None = None,
) -> None:
    asked, secret, now = _asked(once, line), tools.master.replies, tools.clock.now()
    idempotency.remember(connection, asked, reply, secret, now=now, retired_key_id=retired_key_id)


def _asked(once: Once[Result], line: str) -> Asked:
    return Asked(key=once.key, caller=line, path=once.path, body=once.body)


def _secrets(tools: Tools) -> list[bytes]:
    return [master.replies for master in tools.masters.all]
