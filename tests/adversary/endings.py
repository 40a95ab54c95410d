"""What ends an authority while others still lean on it, and what its sessions say afterwards."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from app.domain.refresh_tokens.tables import FamilyRow
from app.flows.change_tenant import change_tenant
from app.flows.close_tenant import close_tenant
from app.flows.end_room import end_room
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidApiKeyError, InvalidRefreshTokenError, RoomEndedError, TenantSuspendedError
from app.flows.report_leak import report_leak
from app.flows.results import Caller, Changes
from app.flows.revoke_api_key import revoke_api_key
from app.flows.rotate_api_key import rotate_api_key
from app.flows.tools import Tools
from tests.builders import Tenant

# Far more than anyone gets to do before the end that races them; who reaches it was never refused.
TRIES = 2_000


@dataclass(frozen=True)
class Authority:
    """A tenant, its key and its only room, on which its sessions rest; `caller` and `operator` may end them."""

    tenant: Tenant
    room_id: str
    caller: Caller
    operator: Caller


@dataclass(frozen=True)
class Ending:
    """How an authority ends, why its sessions are over, and what a key in use is told from then on."""

    end: Callable[[Authority, Tools], None]
    reason: str
    refusal: type[Exception]


def compromise(authority: Authority, tools: Tools) -> None:
    """Replace the key as compromised."""
    rotate_api_key(authority.caller, authority.tenant.id, 0, "compromised", tools)


def suspend(authority: Authority, tools: Tools) -> None:
    """Suspend the tenant."""
    change_tenant(authority.operator, authority.tenant.id, Changes(suspended=True), tools)


def close(authority: Authority, tools: Tools) -> None:
    """Close the tenant."""
    close_tenant(authority.operator, authority.tenant.id, tools)


def end(authority: Authority, tools: Tools) -> None:
    """End the room."""
    end_room(authority.caller, authority.room_id, tools)


def revoke(authority: Authority, tools: Tools) -> None:
    """Revoke the key, by itself."""
    revoke_api_key(authority.caller, authority.tenant.id, f"key_{authority.tenant.api_key[8:16]}", tools)


def leak(authority: Authority, tools: Tools) -> None:
    """Report the key as leaked."""
    report_leak(authority.tenant.api_key, tools)


ENDINGS = [
    Ending(compromise, "key_compromised", InvalidApiKeyError),
    Ending(suspend, "tenant_suspended", TenantSuspendedError),
    Ending(close, "tenant_closed", InvalidApiKeyError),
    Ending(end, "room_ended", RoomEndedError),
    Ending(leak, "key_leaked", InvalidApiKeyError),
]
# Holds up whoever leans on the key as a compromise does.
REVOCATION = Ending(revoke, "key_revoked", InvalidApiKeyError)


def refresh_until_refused(token: str | None, tools: Tools) -> type[Exception] | None:
    """Refresh again and again; give the refusal that ended it."""
    try:
        for _ in range(TRIES):
            assert token is not None
            token = refresh_access(Refresh(token), tools).refresh_token
    except InvalidRefreshTokenError as refusal:
        return type(refusal)
    return None


def reasons(which: ColumnElement[bool], tools: Tools) -> set[str | None]:
    """Tell for what reasons these sessions are over; None stands for a living one."""
    with tools.database.reading() as connection:
        return set(connection.execute(select(FamilyRow.revoke_reason).where(which)).scalars())
